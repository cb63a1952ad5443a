#!/bin/sh
# Builds the microVM kernel: an uncompressed ELF image that boots by PVH.
#   build-kernel.sh SOURCE_TARBALL CONFIG WORK_DIRECTORY OUTPUT
# The same source, configuration and compiler give the same bytes.
set -eu
source=$1 config=$2 work=$3 output=$4

# Documentation, device trees and headers of graphics cards are half of the source; the rest is needed to configure it.
mkdir -p "$work"
tar -xf "$source" -C "$work" --strip-components=1 --no-same-owner \
  --exclude='*/Documentation/*/*' --exclude='*/tools/testing/*' --exclude='*/drivers/gpu/drm/amd/include/*' \
  --exclude='*/arch/*/boot/dts/*'
cd "$work"

# A virtio-serial port posts as many pages as its queue has room for: 1,024 under virtio-mmio, four megabytes a port.
# 32 keep it as fast, and make room for many ports.
sed -i '/^static int fill_queue/,/^}/s/} while (ret > 0);/} while (ret > 0 \&\& nr_added_bufs < 32);/' drivers/char/virtio_console.c
grep -q 'nr_added_bufs < 32' drivers/char/virtio_console.c || { echo 'virtio_console.c is not as expected' >&2; exit 1; }

export KBUILD_BUILD_TIMESTAMP='1970-01-01' KBUILD_BUILD_USER=sovereign KBUILD_BUILD_HOST=sovereign KBUILD_BUILD_VERSION=1
export LC_ALL=C SOURCE_DATE_EPOCH=0
make -s tinyconfig
KCONFIG_CONFIG=.config scripts/kconfig/merge_config.sh -m .config "$config" > merge.log
make -s olddefconfig

# An option that the configuration asks for and the kernel does not know would be left out without a word.
for line in $(grep -E '^CONFIG_[A-Z0-9_]+=y$' "$config"); do
  grep -qx "$line" .config || { echo "not in the kernel: $line" >&2; missing=1; }
done
[ -z "${missing:-}" ] || exit 1

make -s -j"$(nproc)" vmlinux
strip -s -R .comment -R .note.gnu.build-id -o "$output.new" vmlinux
mv "$output.new" "$output"
