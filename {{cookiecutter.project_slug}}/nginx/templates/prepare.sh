#!/bin/sh
# Compresses the static files of the project in this folder beforehand, as well as can be, for nginx
# to send as they are. Again for each new version: nginx does not look which file is the newer one.
set -eu
static=${1:-.}/app/templates/static
find "$static" -name '*.gz' -delete
find "$static" -type f -size +511c \( -name '*.css' -o -name '*.js' -o -name '*.svg' \) \
    -exec gzip --best --keep --no-name {} +
