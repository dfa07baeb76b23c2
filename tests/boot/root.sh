#!/bin/sh
# Builds what the machines of the suite `boot` start from: a Debian 12 with cloud-init and the AWS CLI, as a machine's
# image has them. It installs nothing of ours: that comes by user data and bundle, as on AWS.
#   root.sh TARGET   makes TARGET/{root.ext4,vmlinuz,initrd.img,ca.pem,ca.key}; as root, about three minutes
set -eu

target=$1
if [ "${2:-}" != inside ]; then
  # Mounts of the build go with its mount namespace, however it ends.
  exec unshare --mount --propagation private sh "$0" "$target" inside
fi

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root

# What apt installs is only for reading by machines.
debootstrap --variant=minbase --include=ca-certificates bookworm "$root" >"$work/log" 2>&1 ||
  { tail -20 "$work/log" >&2; exit 1; }
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"
cat >"$root/etc/dpkg/dpkg.cfg.d/small" <<'DPKG'
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
force-unsafe-io
DPKG
# All modules would make an initrd that takes a software emulation seconds to unpack.
mkdir -p "$root/etc/initramfs-tools/conf.d"
echo 'MODULES=list' >"$root/etc/initramfs-tools/conf.d/modules"
printf 'ext4\nvirtio_pci\nvirtio_blk\n' >"$work/modules"

# debootstrap's own --include can't configure cloud-init, so apt does.
apt() {
  chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get "$@" >>"$work/log" 2>&1 || { tail -20 "$work/log" >&2; exit 1; }
}
# debootstrap has written where it fetched from; updates lie there too, and security updates beside it.
mirror=$(awk '$1 == "deb" { print $2; exit }' "$root/etc/apt/sources.list")
cat >"$root/etc/apt/sources.list" <<APT
deb $mirror bookworm main
deb $mirror bookworm-updates main
deb ${mirror%/}-security bookworm-security main
APT
apt update -qq
apt install -y -qq --no-install-recommends \
  systemd-sysv udev dbus iproute2 ifupdown isc-dhcp-client procps initramfs-tools zstd \
  cloud-init xfsprogs awscli curl logrotate
cat "$work/modules" >>"$root/etc/initramfs-tools/modules"
apt install -y -qq --no-install-recommends linux-image-cloud-amd64
apt clean
rm -rf "$root"/var/lib/apt/lists/* "$root/usr/sbin/policy-rc.d"

# The bucket is reached as on AWS, by its name and over TLS; its certificate is of an authority that this image trusts.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=The tests of natsops' \
  -addext basicConstraints=critical,CA:TRUE -keyout "$work/ca.key" -out "$work/ca.pem" 2>>"$work/log"
cp "$work/ca.pem" "$root/usr/local/share/ca-certificates/tests.crt"
chroot "$root" update-ca-certificates >>"$work/log" 2>&1

# As images for EC2 have it: the data source is EC2's, the console is the serial one, the disk stands in fstab.
echo 'datasource_list: [ Ec2 ]' >"$root/etc/cloud/cloud.cfg.d/90-ec2.cfg"
# What nobody here needs would cost a software emulation half a minute at each boot.
cat >"$root/etc/cloud/cloud.cfg.d/91-modules.cfg" <<'CLOUD'
cloud_init_modules: [seed_random, write-files, set_hostname, update_hostname]
cloud_config_modules: []
cloud_final_modules: [scripts-user, final-message]
CLOUD
chroot "$root" systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service fstrim.timer getty@tty1.service logrotate.timer
# The root of Amazon Linux is XFS, so there the module is at hand.
echo xfs >"$root/etc/modules-load.d/xfs.conf"
echo 'LABEL=root / ext4 errors=remount-ro 0 1' >"$root/etc/fstab"
printf 'auto lo\niface lo inet loopback\nsource /etc/network/interfaces.d/*\n' >"$root/etc/network/interfaces"
echo 'localhost' >"$root/etc/hostname"
: >"$root/etc/machine-id"

# The second serial line is a shell: what Systems Manager is to a machine on AWS, the way by which a node's tool is run.
cat >"$root/etc/systemd/system/way-in.service" <<'UNIT'
[Unit]
Description=A shell on the second serial line
[Service]
ExecStart=/bin/sh -c 'stty -F /dev/ttyS1 raw -echo; exec sh </dev/ttyS1 >/dev/ttyS1 2>&1'
Restart=always
# A shell on a terminal does not hear SIGTERM.
KillSignal=SIGKILL
[Install]
WantedBy=multi-user.target
UNIT
chroot "$root" systemctl enable --quiet way-in.service

umount "$root/tmp" "$root/proc"
mkdir -p "$target"
cp "$root"/boot/vmlinuz-* "$work/vmlinuz"
cp "$root"/boot/initrd.img-* "$work/initrd.img"
truncate -s 3G "$work/root.ext4"
mkfs.ext4 -q -F -L root -d "$root" "$work/root.ext4"
# Whoever finds the root finds the rest as well.
mv "$work/vmlinuz" "$work/initrd.img" "$work/ca.pem" "$work/ca.key" "$target"
mv "$work/root.ext4" "$target"
