/* SPDX-License-Identifier: ISC */
/* For test programs: the columns of every mailbox are kept, however small it is (storage/embedded/columns.h).
 */
#include "columns.h"

__attribute__((constructor)) static void keep_columns_of_all(void)
{
    columns_messages_min = columns_uids_min = 1;
}
