#!/usr/bin/env bash
# Builds the image for processors and runs it: with any user, a read-only root and two processes.
#   make image-test        needs root, buildah and, without BASE, debootstrap; 15 GB below TMPDIR
#   BASE=python:3.12-slim make image-test        on an image of a registry
#   TORCH_INDEX=https://download.pytorch.org/whl/cpu make image-test        wheels of torch without CUDA
# How pip is configured here is used while the image is built, and is not in it.
set -euo pipefail
cd "$(dirname "$0")/.."

most_megabytes=3000
mirror=${MIRROR:-http://deb.debian.org/debian}
suite=${SUITE:-bookworm}

fail() {
    echo "image-test: $*" >&2
    exit 1
}
say() { echo "== $*"; }

[ "$(id -u)" = 0 ] || fail "must be root, to mount the image"
command -v buildah >/dev/null || fail "buildah is not installed"

temporary=$(mktemp -d "${TMPDIR:-/var/tmp}/lit-image.XXXXXX")
buildah() {
    command buildah --root "$temporary/store" --runroot "$temporary/run" --storage-driver vfs "$@"
}
server=
clean() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    buildah rm --all >/dev/null 2>&1 || true
    rm -rf --one-file-system "$temporary"
}
trap clean EXIT
export TMPDIR=$temporary

if [ -z "${BASE:-}" ]; then
    command -v debootstrap >/dev/null || fail "debootstrap is not installed; or name an image: BASE=..."
    say "Debian $suite"
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$temporary/debian" "$mirror" \
        >"$temporary/debootstrap.log" || fail "$(tail -n 5 "$temporary/debootstrap.log")"
    rm -rf "$temporary"/debian/var/cache/apt/archives/*.deb "$temporary"/debian/var/lib/apt/lists/*
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$temporary/debian" / >/dev/null
    buildah config --cmd /bin/sh "$container"
    buildah commit --quiet --rm "$container" lit-base >/dev/null
    rm -rf "$temporary/debian"
    BASE=localhost/lit-base
fi

say "build"
"${PYTHON:-python3}" docker/pip_of_host.py "$temporary/pip.conf" &
server=$!
until [ -e "$temporary/pip.conf" ]; do
    kill -0 "$server" 2>/dev/null || fail "the settings of pip cannot be read"
    sleep 0.2
done
secrets=(--secret "id=pip,src=$temporary/pip.conf")
[ ! -e "$temporary/ca.pem" ] || secrets+=(--secret "id=ca,src=$temporary/ca.pem")
commit=$(git rev-parse HEAD 2>/dev/null || true)
start=$SECONDS
buildah build --isolation chroot --file docker/Dockerfile --tag lit_curriculum \
    --build-arg BASE="$BASE" --build-arg PACKAGES= --build-arg TORCH_INDEX="${TORCH_INDEX:-}" \
    --build-arg COMMIT="$commit" "${secrets[@]}" .
say "built in $((SECONDS - start)) s"

container=$(buildah from --pull-never lit_curriculum)
root=$(buildah mount "$container")
megabytes=$(du -sm --one-file-system "$root" | cut -f1)
say "size: $megabytes MB"
[ "$megabytes" -le "$most_megabytes" ] || fail "more than $most_megabytes MB"
if buildah inspect --type image lit_curriculum | grep -q '127\.0\.0\.1'; then
    fail "the image's settings name those of pip here"
fi
for file in etc/pip.conf run/ca.pem; do
    [ ! -e "$root/$file" ] || fail "the image holds /$file"
done

# The image's own variables and nothing else; its root read-only, with a writable /tmp and /work.
# As from Docker, /etc/hosts comes from outside; torchrun asks for this machine's name.
echo "127.0.0.1 localhost $(uname -n)" >"$temporary/hosts"
touch "$root/etc/hosts"
mkdir -p "$temporary/work"
chmod 1777 "$temporary/work"
mapfile -t variables < <(buildah inspect --type image --format '{{range .OCIv1.Config.Env}}{{println .}}{{end}}' \
    lit_curriculum | grep .)
in_image() { # USER COMMAND...
    local user=$1
    shift
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child env -i user="$user" root="$root" work="$temporary/work" \
        hosts="$temporary/hosts" PATH="$PATH" bash -euc '
        mount --make-rprivate /
        mount --bind "$root" "$root"
        mount -o remount,bind,ro "$root"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
        mount --bind "$work" "$root/work"
        mount --bind "$hosts" "$root/etc/hosts"
        exec chroot --userspec="$user:$user" --groups= "$root" env -i -C /work "$@"
    ' bash "${variables[@]}" "$@"
}

say "uid 1000"
in_image 1000 sh -c 'if touch /opt/x 2>/dev/null; then echo "the root can be written" >&2; exit 1; fi'
in_image 1000 lit --version
in_image 1000 lit sample cfg3b >/dev/null
in_image 1000 lit configs pcfg_bert >/dev/null
in_image 1000 lit reproduce fig1-left --scale smoke --out /work/out
say "uid 12345, two processes of lit fit"
in_image 12345 lit fit --config sparse_parity_minibatch --config smoke/sparse_parity_minibatch \
    --trainer.accelerator=cpu --trainer.devices=2 --trainer.strategy=ddp --run_dir=/work/ddp
say "uid 12345, two processes of torchrun"
in_image 12345 torchrun --standalone --nproc-per-node=2 -m lit_curriculum fit \
    --config sparse_parity_minibatch --config smoke/sparse_parity_minibatch \
    --trainer.accelerator=cpu --trainer.devices=2 --trainer.strategy=ddp --run_dir=/work/torchrun
for run in ddp torchrun; do
    grep -q '"finished": true' "$temporary/work/$run/provenance.json" || fail "$run: not finished"
    grep -q "\"commit\": \"$commit\"" "$temporary/work/$run/provenance.json" || fail "$run: another commit"
done
metrics() { sed 's/,[^,]*$//' "$temporary/work/$1/metrics.csv"; } # all columns but the last, which is the time
[ "$(metrics ddp)" = "$(metrics torchrun)" ] || fail "the two runs differ"
say "all passed: $megabytes MB, $((SECONDS / 60)) minutes"
