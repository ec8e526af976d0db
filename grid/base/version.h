/* The program's version, for people: what a node says in its hello, its status and --version. Nothing is decided by it:
 * protocol versions, named features and levels of entries are. */
#ifndef GRID_BASE_VERSION_H
#define GRID_BASE_VERSION_H

#define GRIDIRON_VERSION "0.1.0"

#endif
