#include "id_map.h"

#include "number.h"

bool id_map_next(FILE *map, struct id_range *range)
{
    char line[64];
    const char *at = line;
    return fgets(line, sizeof line, map) != NULL && number_read_32(&at, &range->inside) &&
           number_read_32(&at, &range->outside) && number_read_32(&at, &range->count) && *at == '\n';
}
