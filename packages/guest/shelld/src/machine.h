/*
 * shelld as the init of a virtual machine: brings the machine up, and ends it.
 *
 * The kernel starts us from a small initramfs that holds shelld and nothing of the image. The image is a squashfs on the
 * first disk, read-only; what is written goes to an ext4 on the second. The kernel's command line may say more:
 *
 *     sovereign.ports=N         virtio-serial ports to serve
 *     sovereign.vsock=PORT      serve the host on this vsock port in place of them
 *     sovereign.share=TAG:PATH  a directory of the host (9p) to mount read-only, repeatable
 */
#ifndef SOVEREIGN_MACHINE_H
#define SOVEREIGN_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether this process is the init of a virtual machine that we brought up. */
bool machine_is_ours(void);

/* The whole life of the machine. Returns only when it could not be brought up. */
int machine_main(void);

/* Makes a directory and its parents, then mounts a 9p share there. Sets errno. */
bool machine_mount_share(const char *tag, const char *path, bool is_read_only);

#endif
