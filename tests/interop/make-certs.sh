#!/bin/sh
# Makes the throw-away certificates of the interop tests: make-certs.sh DIRECTORY
#
# ca.pem       signs server.pem (localhost, 127.0.0.1, ::1) and client.pem
# stranger.pem signs intruder.pem: a client certificate that no server here trusts
#
# Keys are PKCS#8 on P-256: quick to make, and read by all three TLS stacks under test.
set -eu

mkdir -p "$1"
cd "$1"

log=openssl.log
trap 'status=$?; [ $status -eq 0 ] || cat "$log" >&2; exit $status' EXIT
: >"$log"

key() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>>"$log"
}

authority() {
    key "$1"
    openssl req -x509 -new -key "$1.key" -sha256 -days 2 -subj "/CN=interop $1" \
        -addext "basicConstraints=critical,CA:TRUE" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" -out "$1.pem" 2>>"$log"
}

# leaf NAME AUTHORITY SERIAL EXTENSIONS
leaf() {
    key "$1"
    printf '%s\n' "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" \
        "$4" >"$1.ext"
    openssl req -new -key "$1.key" -subj "/CN=interop $1" -out "$1.csr" 2>>"$log"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -set_serial "$3" -sha256 -days 2 \
        -extfile "$1.ext" -out "$1.pem" 2>>"$log"
}

authority ca
authority stranger
leaf server ca 11 "extendedKeyUsage=serverAuth
subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"
leaf client ca 12 "extendedKeyUsage=clientAuth
subjectAltName=email:client@interop.test"
leaf intruder stranger 13 "extendedKeyUsage=clientAuth"
