#ifndef BRAMBLE_DB_SQLITE_MEMORY_H
#define BRAMBLE_DB_SQLITE_MEMORY_H

/* Before SQLite is started: what it wants and does not get ends the process (base/memory.h). It undoes a transaction without memory well, but a
 * text of a row that it has no memory to convert is none for it. */
void sqlite_memory(void);

#endif
