#!/bin/sh
# Builds the guest of tools/vm in VM_DIR, from the Debian mirror that is named: a disk, a kernel, qemu with its own libraries.
# It wants a mount namespace of its own.
set -eu
mirror=$1
here=$(cd "$(dirname "$0")" && pwd)
cd "$VM_DIR"
# systemd and what users of it have; tools of the tests; the agent's interpreter; what Node.js needs; the peers
packages="
  systemd systemd-sysv udev dbus dbus-user-session libpam-systemd
  iproute2 nftables procps kmod uidmap busybox-static jq
  python3-minimal
  libatomic1
  runc crun criu
  apparmor checkpolicy
"
# what only costs time at the boot of a machine that is thrown away
masked="
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer systemd-tmpfiles-clean.timer
  getty.target modprobe@drm.service modprobe@efi_pstore.service systemd-udev-trigger.service systemd-binfmt.service
  systemd-journal-catalog-update.service systemd-hwdb-update.service ldconfig.service systemd-update-done.service
  systemd-random-seed.service apparmor.service
"

mount -t tmpfs vm root
mkdir -p host/lib host/share initrd.d debs
# Debian 12's debootstrap has no script for suites named later; they are made like sid
script=/usr/share/debootstrap/scripts/$VM_SUITE
[ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
debootstrap --variant=minbase --include="$(echo $packages | tr ' ' ,)" \
  --keyring=/usr/share/keyrings/debian-archive-keyring.gpg "$VM_SUITE" root "$mirror" "$script"
# how the host reaches and judges its mirrors holds here too
{ apt-config dump | grep -E '^Acquire::(Check|http|https|Retries)' || true; echo 'APT::Install-Recommends "false";'; } > root/etc/apt/apt.conf.d/99host
rm -f root/var/cache/apt/archives/*.deb
chroot root apt-get update -qq
chroot root apt-get install -y -qq --download-only linux-image-cloud-amd64 qemu-system-x86 virtiofsd
mv root/var/cache/apt/archives/*.deb debs
rm -rf root/var/lib/apt/lists/*

# the kernel, unpacked without its installation scripts: no boot loader, no initrd maker
for deb in debs/linux-*.deb; do dpkg -x "$deb" root; rm "$deb"; done
chroot root depmod "$(ls root/usr/lib/modules)"
cp "$(ls root/boot/vmlinuz-* root/usr/lib/modules/*/vmlinuz 2> /dev/null | tail -n 1)" vmlinuz
# a first stage that knows nothing but the disk
cp root/bin/busybox initrd.d
find root/usr/lib/modules -name 'virtio_blk.ko.xz' -exec cp {} initrd.d ';'
unxz initrd.d/virtio_blk.ko.xz
cat > initrd.d/init << 'INIT'
#!/busybox sh
/busybox mkdir /dev /new
/busybox mount -t devtmpfs dev /dev
/busybox insmod /virtio_blk.ko
/busybox mount -t ext4 /dev/vda /new
/busybox mount --move /dev /new/dev
exec /busybox switch_root /new /sbin/init
INIT
chmod +x initrd.d/init
(cd initrd.d && find . | ./busybox cpio -o -H newc) > initrd

chroot root useradd -m -s /bin/bash user
grep -q ^user: root/etc/subuid || echo user:100000:65536 | tee -a root/etc/subuid >> root/etc/subgid
mkdir -p root/var/lib/systemd/linger
touch root/var/lib/systemd/linger/user
echo vm > root/etc/hostname
echo 127.0.0.1 localhost vm > root/etc/hosts
echo nameserver 10.0.2.3 > root/etc/resolv.conf
: > root/etc/fstab
tr -d - < /proc/sys/kernel/random/uuid > root/etc/machine-id
units=root/etc/systemd/system
for unit in $masked; do ln -sf /dev/null "$units/$unit"; done
cp "$here/vm-agent.py" root/usr/local/lib/vm-agent
cat > "$units/vm-agent.service" << 'UNIT'
[Unit]
After=multi-user.target
[Service]
Delegate=yes
TasksMax=infinity
OOMPolicy=continue
ExecStart=/usr/bin/env -i LANG=C.UTF-8 HOME=/root USER=root LOGNAME=root SHELL=/bin/bash \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin python3 /usr/local/lib/vm-agent
UNIT
mkdir -p "$units/multi-user.target.wants"
ln -s ../vm-agent.service "$units/multi-user.target.wants"
mkfs.ext4 -q -F -E lazy_itable_init=0,assume_storage_prezeroed=1 -d root disk 8G

# qemu and virtiofsd run on the host, with the libraries they were built for
for deb in debs/*.deb; do dpkg -x "$deb" root; done
cp root/usr/bin/qemu-system-x86_64 root/usr/libexec/virtiofsd host
chroot root ldd /usr/bin/qemu-system-x86_64 /usr/libexec/virtiofsd | awk '$3 ~ /^\// { print "root" $3 }' | sort -u |
  xargs cp -Lt host/lib root/lib64/ld-linux-x86-64.so.2
cp -L root/usr/share/seabios/bios-256k.bin root/usr/share/qemu/kvmvapic.bin root/usr/share/qemu/linuxboot_dma.bin host/share
rm -rf debs initrd.d
