#!/bin/sh
# Makes an authority for compose.tls.yaml and, by it, a certificate for each part in DIR/PART: ca.pem with server.pem and
# server.key, or client.pem and client.key. What is there stays as it is. The authority's key is thrown away, so all of
# them are made at once or not at all; for an authority of your own, put its files there instead.
#
#   certificates.sh DIR
set -eu
umask 077
dir=$1
# Ten years: this is for a look on one machine. Delete the volumes to have new ones.
days=3650
servers="nats redis"
clients="gateway mailer notifier operator"

if [ -e "$dir/operator/ca.pem" ]; then
  echo "kept: $dir"
  exit 0
fi
draft=$(mktemp -d)
trap 'rm -rf "$draft"' EXIT
cd "$draft"

key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }
issue() { # NAME EXTENSIONS
  key "$1"
  printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n%s\n' "$2" >"$1.ext"
  openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days "$days" -extfile "$1.ext" -out "$1.pem" 2>/dev/null
}

key ca
openssl req -x509 -new -key ca.key -subj "/CN=DistOTP" -days "$days" -out ca.pem \
  -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
for part in $servers; do
  # A node of a cluster is a client of the others.
  names="DNS:$part,DNS:$part-2,DNS:$part-3,DNS:localhost,IP:127.0.0.1"
  issue "$part" "$(printf 'extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=%s' "$names")"
  cp "$part.pem" "$dir/$part/server.pem"
  cp "$part.key" "$dir/$part/server.key"
  cp ca.pem "$dir/$part/ca.pem"
done
for part in $clients; do
  issue "$part" "extendedKeyUsage=clientAuth"
  cp "$part.pem" "$dir/$part/client.pem"
  cp "$part.key" "$dir/$part/client.key"
  cp ca.pem "$dir/$part/ca.pem"
done
echo "written: $dir"
