#!/bin/sh
# Takes COUNT returns into a folder with Debian's amqp-tools: read.sh URL FOLDER COUNT [edi.test.out]
# amqp-consume hands over bodies only, so a file is named by its hash (a return that comes twice is one file); its content says what it is.
# It calls this script anew for each return, and acknowledges when that ends well.
set -eu
if [ $# -eq 0 ]; then
  part=$(mktemp "$RETURNS/.return.XXXXXX")
  cat > "$part"
  sync "$part"
  mv "$part" "$RETURNS/$(sha256sum < "$part" | cut -c1-64)"
  sync "$RETURNS"
  exit
fi
url=$1 count=$3 queue=${4:-edi.out}
mkdir -p "$2"
RETURNS=$2 amqp-consume --url="$url" --queue="$queue" --count="$count" --prefetch-count=1 sh "$0"
