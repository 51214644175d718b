/* SPDX-License-Identifier: Apache-2.0 */
/* A file layer for SQLite in front of the real one, which fails when told. */
#ifndef FAULTY_VFS_H
#define FAULTY_VFS_H

#define FAULTY_VFS "faulty"

void faulty_vfs_register(void);

enum faulty_syncs { FAULTY_NONE, FAULTY_SYNCS, FAULTY_MAIN_SYNCS };

/* From now on, until told otherwise. */
void faulty_vfs_fail_syncs(enum faulty_syncs which);
void faulty_vfs_fail_writes(int on); /* as a disk that is full */
int faulty_vfs_syncs(void);          /* tried so far */

#endif
