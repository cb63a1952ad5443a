/* `shelld copy-sparse SOURCE TARGET`: the memory of a machine as a file, with holes where it holds nothing. */
#ifndef SOVEREIGN_COPY_SPARSE_H
#define SOVEREIGN_COPY_SPARSE_H

#include <stdbool.h>

/* Copies what is in one file into another, which is empty. Blocks of zeros become holes. False with errno. */
bool copy_sparse(int source, int target);

int copy_sparse_main(int argc, char **argv);

#endif
