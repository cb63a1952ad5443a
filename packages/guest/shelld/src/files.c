#define _GNU_SOURCE 1
#include "files.h"

#include "file_operation.h"
#include "watch.h"

bool files_open(struct conn *conn, uint32_t id, uint8_t type, struct slice payload)
{
    struct file_request request = {.conn = conn, .id = id, .payload = payload};
    switch (type) {
    case FRAME_FILE_READ:
        request.operation = "file.read";
        return file_read(&request);
    case FRAME_FILE_WRITE:
        request.operation = "file.write";
        return file_write(&request);
    case FRAME_FILE_STAT:
        request.operation = "file.stat";
        return file_stat(&request);
    case FRAME_FILE_LIST:
        request.operation = "file.list";
        return file_list(&request);
    case FRAME_FILE_MAKE_DIRECTORY:
        request.operation = "file.makeDirectory";
        return file_make_directory(&request);
    case FRAME_FILE_RENAME:
        request.operation = "file.rename";
        return file_rename(&request);
    case FRAME_FILE_REMOVE:
        request.operation = "file.remove";
        return file_remove(&request);
    case FRAME_FILE_WATCH:
        request.operation = "file.watch";
        return file_watch(&request);
    default:
        return false;
    }
}
