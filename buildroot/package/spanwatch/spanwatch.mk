################################################################################
#
# spanwatch
#
################################################################################

SPANWATCH_SITE = $(realpath $(BR2_EXTERNAL_SPANWATCH_PATH)/..)
SPANWATCH_SITE_METHOD = local
SPANWATCH_LICENSE = Apache-2.0
SPANWATCH_LICENSE_FILES = LICENSE
SPANWATCH_DEPENDENCIES = host-nodejs

# What was built in the checkout stays there.
SPANWATCH_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = \
	--exclude=/target \
	--exclude=/build \
	--exclude=/buildroot \
	--exclude=node_modules \
	--exclude=dist

# They go to usr/lib/spanwatch, but for the command line.
SPANWATCH_PROGRAMS = \
	supervisor \
	collector \
	analyzer \
	console \
	storage \
	slots \
	gate \
	hwmon \
	fetch \
	sticks \
	installer \
	recovery \
	spanwatch

# Buildroot has its own ideas of a release; ours are those of Cargo.toml.
SPANWATCH_CARGO_ENV = \
	CARGO_PROFILE_RELEASE_LTO=thin \
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=4 \
	CARGO_PROFILE_RELEASE_OPT_LEVEL=3
SPANWATCH_CARGO_BUILD_OPTS = \
	--config vendor.toml \
	$(foreach program,$(SPANWATCH_PROGRAMS),--bin $(program))

# A local site is not vendored by Buildroot, while cargo builds --offline.
define SPANWATCH_VENDOR_CRATES
	cd $(@D) && $(TARGET_MAKE_ENV) $(PKG_COMMON_CARGO_ENV) \
		cargo vendor --locked VENDOR > vendor.toml
endef
SPANWATCH_PRE_CONFIGURE_HOOKS += SPANWATCH_VENDOR_CRATES

# The console's program carries its pages.
define SPANWATCH_BUILD_PAGES
	cd $(@D)/firmware/console/web && $(TARGET_MAKE_ENV) \
		npm ci --no-fund --no-audit --cache $(BUILD_DIR)/.npm && \
		$(TARGET_MAKE_ENV) npm run build
endef
SPANWATCH_PRE_BUILD_HOOKS += SPANWATCH_BUILD_PAGES

# cargo install takes no virtual workspace.
define SPANWATCH_INSTALL_TARGET_CMDS
	$(foreach program,$(filter-out spanwatch,$(SPANWATCH_PROGRAMS)),
		$(INSTALL) -D -m 0755 $(@D)/target/$(RUSTC_TARGET_NAME)/release/$(program) \
			$(TARGET_DIR)/usr/lib/spanwatch/$(program)
	)
	$(INSTALL) -D -m 0755 $(@D)/target/$(RUSTC_TARGET_NAME)/release/spanwatch \
		$(TARGET_DIR)/usr/bin/spanwatch
endef

$(eval $(cargo-package))
