/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#ifndef LLMSIM_OPTIONS_H
#define LLMSIM_OPTIONS_H

#include "behaviour.h"

struct sim_options {
    const char *host; /* without brackets */
    uint16_t port;    /* 0: the kernel chooses */
    unsigned workers;
    uint64_t seed;
    const char *api_key;      /* NULL: anybody may ask */
    const char *sigv4_secret; /* ACCESS:SECRET; NULL: any signature will do */
    /* What tokens are given for; NULL: whatever is well formed. */
    const char *gigachat_credentials, *entra_credentials; /* NAME:SECRET */
    const char *google_key; /* a file: the public key of service accounts */
    uint64_t token_seconds;
    const char *tls_cert, *tls_key;
    bool print_address;
    struct sim_behaviour how;
};

/* Ends the program on --help, --version and on mistakes. */
void sim_options_read(struct sim_options *opts, int argc, char **argv);

#endif
