#!/bin/sh
# A machine in namespaces of its own: its files, its processes, and an agent of Systems Manager.
#   machine.sh FOLDER PYTHON AGENT BUCKET NODE INSTANCE
# What a machine has and a namespace has not is replaced: systemd by `systemctl` below, which starts the real server as its
# unit says; the image's `aws` by one that reads the emulator's bucket; the volume by a folder. Everything else is as on a
# machine, and the node tool is the one from the bucket.
set -eu
folder=$1 python=$2 agent=$3 bucket=$4 node=$5 instance=$6

# The disk outlives the instance, whose root is its own.
disk=$folder/disk root=$folder/$instance
mkdir -p "$disk" "$root/lib" "$root/run" "$root/bin"
chmod 755 "$folder" "$root" "$root/lib" "$root/run" "$root/bin"
cp -a /etc "$root/etc"
mkdir -p "$root/lib/nats" "$root/etc/natsops" "$root/etc/systemd/system/multi-user.target.wants"
printf 'bucket=%s\nnode=%s\nregion=%s\nvolume=none\n' "$bucket" "$node" "$AWS_REGION" >"$root/etc/natsops/node.conf"

cat >"$root/bin/aws" <<AWS
#!$python
# aws s3 cp --quiet --region REGION s3://BUCKET/KEY FILE
import sys
import boto3
bucket, _, key = sys.argv[6].removeprefix("s3://").partition("/")
boto3.client("s3").download_file(bucket, key, sys.argv[7])
AWS
cat >"$root/bin/systemctl" <<'SYSTEMCTL'
#!/bin/sh
# systemctl VERB [OPTION…] nats.service
unit=/etc/systemd/system/nats.service
set_of() { sed -n "s/^$1=//p" "$unit"; }
main() {
  pid=0
  [ ! -f /run/nats.pid ] || read -r pid </run/nats.pid
  grep -qs '^State:[[:space:]]*[A-Y]' "/proc/$pid/status" || pid=0
  echo "$pid"
}
stop() {
  pid=$(main)
  [ "$pid" != 0 ] || return 0
  kill -USR2 "$pid"
  until [ "$(main)" = 0 ]; do sleep 0.1; done
}
start() {
  pre=$(set_of ExecStartPre)
  ${pre#+}
  # shellcheck source=/dev/null
  . /run/natsops/memory
  export GOMEMLIMIT
  user=$(set_of User)
  cd "$(set_of WorkingDirectory)" || exit 1
  # The lock of the command that starts it must not live as long as the server.
  # shellcheck disable=SC2046
  setsid setpriv --reuid "$user" --regid "$user" --clear-groups $(set_of ExecStart) >/dev/null 2>&1 </dev/null 9>&- &
  echo $! >/run/nats.pid
}
case $1 in
daemon-reload) ;;
is-active)
  [ "$2" = --quiet ] || [ "$(main)" = 0 ] || echo active
  [ "$(main)" != 0 ] || { [ "$2" = --quiet ] || echo inactive; exit 3; }
  ;;
show)
  case $3 in
  MainPID) main ;;
  NeedDaemonReload) echo no ;;
  *) echo "systemctl: what is $3?" >&2; exit 1 ;;
  esac
  ;;
reload) kill -HUP "$(main)" ;;
stop) stop ;;
restart) stop; start ;;
*) echo "systemctl: what is $1?" >&2; exit 1 ;;
esac
SYSTEMCTL
chmod 755 "$root/bin/aws" "$root/bin/systemctl"

# A Python that lives there is needed still.
for program in /usr/local/bin/python*; do
  [ ! -e "$program" ] || cp -a "$program" "$root/bin/"
done
mount --bind "$disk" "$root/lib/nats"
mount --bind "$root/etc" /etc
mount --bind "$root/run" /run
mount --rbind "$root/lib" /var/lib
mount --bind "$root/bin" /usr/local/bin
PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

# As the user data does it, and as a boot goes on from there.
of() { aws s3 cp --quiet --region "$AWS_REGION" "s3://$bucket/nodes/$node/$1" "$2"; }
of current /run/current
tool=$(sed -n 's/^.*  natsops-node-//p' /run/current)
of "natsops-node-$tool" /usr/local/bin/natsops-node
chmod 755 /usr/local/bin/natsops-node
bundle=$(sed -n 's/^.*  bundle-\(.*\)\.tar$/\1/p' /run/current)
server=$(sed -n 's/^.*  nats-server-//p' /run/current)
natsops-node apply "$bundle-$server" --restart </dev/null
exec "$python" "$agent" "$AWS_ENDPOINT_URL" "$instance"
