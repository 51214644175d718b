/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An allocator for tests: counts what is alive and makes the n-th request
 * fail. Arm with -1 to count only.
 */
#ifndef FAULTY_HEAP_H
#define FAULTY_HEAP_H

void faulty_heap_arm(int nth); /* 0: the next request fails; installs itself */
void faulty_heap_fail_from(int nth); /* the same without counting anew */
void faulty_heap_pause(int paused); /* while paused nothing fails */
int faulty_heap_live(void);         /* blocks not yet freed since armed */
void faulty_heap_off(void);         /* back to the C library's */

#endif
