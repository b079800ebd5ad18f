#!/bin/sh
# Starts qemu for tools/vm-run.ts, in mount and PID namespaces of its own, so that nothing can outlive it or be left behind.
#   stdin, stdout: qemu's monitor · fd 3: the channel to the agent · fd 4: the guest's console
#   vm-host.sh (wake | boot | keep) SNAPSHOT MB RESTRICT [HOST-FOLDER MODE]…
# wake: a copy of the kept machine; boot: anew; keep: boots anew and keeps in SNAPSHOT what is there when qemu is told to quit.
set -eu
how=$1 snapshot=$2 mb=$3 restrict=$4
shift 4
cd "$VM_DIR"
# sockets and memory: gone with the mount namespace
mount -t tmpfs -o mode=700,size=0 vm root
own=host/lib/ld-linux-x86-64.so.2

disk=$snapshot/disk incoming= memory=root/ram share=on
case $how in
  wake)
    incoming="-incoming file:$snapshot/state"
    # without shared folders the kept memory is mapped privately; virtiofsd wants to write to what qemu reads
    if [ $# = 0 ]; then memory=$snapshot/ram share=off; else cp --sparse=always "$snapshot/ram" root/ram; fi
    ;;
  *)
    disk=disk
    truncate -s "${mb}M" root/ram
    ;;
esac
snap=-snapshot
if [ "$how" = keep ]; then
  rm -rf "$snapshot.new"
  mkdir "$snapshot.new"
  cp --sparse=always disk "$snapshot.new/disk"
  disk=$snapshot.new/disk snap=
fi

shares=
n=0
while [ $# -gt 0 ]; do
  [ "$2" = ro ] && readonly=--readonly || readonly=
  $own --library-path host/lib host/virtiofsd --socket-path="root/$n" --shared-dir="$1" --cache=always --xattr --announce-submounts \
    --sandbox=chroot --log-level=error $readonly <&- >&2 3>&- 4>&- &
  tries=0
  until [ -S "root/$n" ]; do
    [ $((tries += 1)) -lt 500 ] && kill -0 $! || { echo "virtiofsd does not start for $1" >&2; exit 1; }
    sleep 0.02
  done
  shares="$shares -chardev socket,id=share$n,path=root/$n"
  n=$((n + 1))
  shift 2
done

# qemu 10's string instructions and 5-level paging are wrong or slow in emulation: those features are off
qemu() {
  $own --library-path host/lib host/qemu-system-x86_64 -L host/share -nodefaults -no-user-config -display none -no-reboot \
    -accel tcg,thread=multi -smp 2 -cpu max,la57=off,erms=off,fsrm=off,fzrm=off,fsrs=off \
    -machine pc,memory-backend=ram -m "$mb" -device vmgenid \
    -object "memory-backend-file,id=ram,size=${mb}M,mem-path=$memory,share=$share" -global migration.x-ignore-shared=on \
    -drive "if=none,id=disk,format=raw,cache=unsafe,file=$disk" -device virtio-blk-pci,drive=disk \
    -netdev "user,id=net,restrict=$restrict" -device virtio-net-pci,netdev=net,romfile= -device virtio-serial-pci \
    -chardev socket,id=agent,fd=3 -device virtserialport,chardev=agent -monitor stdio \
    -chardev socket,id=con,fd=4 -serial chardev:con $snap $incoming $shares -kernel vmlinuz -initrd initrd -append \
    "console=ttyS0 quiet panic=-1 mitigations=off init_on_alloc=0 tsc=reliable nowatchdog net.ifnames=0 systemd.show_status=no systemd.default_timeout_start_sec=600 ${VM_KERNEL-}"
}
qemu
[ "$how" = keep ] || exit 0
cp --sparse=always root/ram "$snapshot.new/ram"
mv "$snapshot.new" "$snapshot"
