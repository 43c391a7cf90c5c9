# Each target is a line that calls xtask; `cargo xtask help` lists what else it does.
CAPTURE ?=

.PHONY: run test image bundle factory release test-long test-fuzz bench
run:
	cargo xtask run $(if $(CAPTURE),--capture "$(CAPTURE)")
test:
	cargo xtask test
bundle:
	cargo xtask bundle
image:
	cargo xtask image
factory:
	cargo xtask factory
release:
	cargo xtask release
test-long:
	cargo xtask test --long
test-fuzz:
	cargo xtask fuzz
bench:
	cargo xtask bench
