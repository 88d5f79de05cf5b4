#!/bin/sh
# Publishes one file (16 MB at most) with Debian's amqp-tools: publish.sh URL PARTNER FILE [test.in]
# amqp-publish knows neither confirms nor message ids: what counts is the receipt. When none comes, publish again, it costs nothing.
set -eu
url=$1 partner=$2 file=$3 key=${4:-in}
amqp-publish --url="$url" --exchange=edi.in --routing-key="$key" --persistent \
  -H "partner: $partner" -H "type: flow" -H "name: $(basename "$file")" < "$file"
