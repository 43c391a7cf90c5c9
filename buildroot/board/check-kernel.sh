#!/bin/sh
# Fails when Kconfig dropped an option: check-kernel.sh FRAGMENT CONFIG
set -eu
lost=$(grep -E '^(CONFIG_[A-Z0-9_]+=|# CONFIG_[A-Z0-9_]+ is not set$)' "$1" | while read -r line; do
	case $line in
		*'=n' | '#'*)
			# an option that does not exist at all is not set either
			name=$(echo "$line" | sed 's/^# //; s/[= ].*//')
			! grep -q "^$name=" "$2" || echo "  $line"
			;;
		*) grep -qxF "$line" "$2" || echo "  $line" ;;
	esac
done)
[ -z "$lost" ] || {
	printf 'Kconfig did not take these options of %s:\n%s\n' "$1" "$lost" >&2
	exit 1
}
