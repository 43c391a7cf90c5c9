################################################################################
#
# Spanwatch's part of Buildroot's makefiles; read after all packages.
#
################################################################################

include $(sort $(wildcard $(BR2_EXTERNAL_SPANWATCH_PATH)/package/*/*.mk))

FIRMWARE_DIR = $(realpath $(BR2_EXTERNAL_SPANWATCH_PATH)/..)
FIRMWARE_BOARD_DIR = $(FIRMWARE_DIR)/board/x86_64
FIRMWARE_VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' $(FIRMWARE_DIR)/Cargo.toml)

# Keys as in xtask/src/keys.rs: `cargo xtask keys` makes development keys there.
FIRMWARE_KEYS_DIR = $(or $(SPANWATCH_KEYS),$(HOME)/.cache/spanwatch/keys)

# Files bear the time of the last commit, as in the other builder.
ifeq ($(BR2_REPRODUCIBLE),y)
export SOURCE_DATE_EPOCH := $(or $(shell git -C $(FIRMWARE_DIR) log -1 --format=%ct 2>/dev/null),$(SOURCE_DATE_EPOCH))
endif

# What board/x86_64/post-build.sh and post-image.sh want in their environment.
EXTRA_ENV += \
	FIRMWARE_DIR=$(FIRMWARE_DIR) \
	READELF=$(TARGET_READELF) \
	SPANWATCH_VERSION=$(FIRMWARE_VERSION) \
	SPANWATCH_FLOOR=$(SPANWATCH_FLOOR) \
	SPANWATCH_SB_KEY=$(or $(SPANWATCH_SB_KEY),$(FIRMWARE_KEYS_DIR)/db.key) \
	SPANWATCH_SB_CERT=$(or $(SPANWATCH_SB_CERT),$(FIRMWARE_KEYS_DIR)/db.crt) \
	SPANWATCH_BUNDLE_CA=$(or $(SPANWATCH_BUNDLE_CA),$(FIRMWARE_KEYS_DIR)/bundle-ca.crt) \
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) \
	SYSTEMD_BOOT_DIR=$(BINARIES_DIR)/boot

# The kernel: tinyconfig and board/x86_64/kernel.fragment, which alone says what is built in.
LINUX_KCONFIG_DEFCONFIG = tinyconfig
PACKAGES_LINUX_CONFIG_FIXUPS =

define FIRMWARE_KERNEL_FRAGMENT_SURVIVED
	$(BR2_EXTERNAL_SPANWATCH_PATH)/board/check-kernel.sh \
		$(FIRMWARE_BOARD_DIR)/kernel.fragment $(@D)/.config
endef
LINUX_POST_CONFIGURE_HOOKS += FIRMWARE_KERNEL_FRAGMENT_SURVIVED

define FIRMWARE_KERNEL_RELEASE
	$(INSTALL) -D -m 0644 $(@D)/include/config/kernel.release \
		$(BINARIES_DIR)/kernel.release
endef
LINUX_POST_INSTALL_IMAGES_HOOKS += FIRMWARE_KERNEL_RELEASE

# post-build.sh makes users with systemd-sysusers; post-image.sh signs with systemd-sbsign.
HOST_SYSTEMD_CONF_OPTS += -Dsysusers=true -Dopenssl=enabled
$(HOST_SYSTEMD_TARGET_CONFIGURE): | host-openssl

define FIRMWARE_SBSIGN
	$(INSTALL) -D -m 0755 $(BR2_EXTERNAL_SPANWATCH_PATH)/board/sbsign \
		$(HOST_DIR)/bin/sbsign
	ln -sf ../lib/systemd/systemd-sbsign $(HOST_DIR)/bin/systemd-sbsign
endef
HOST_SYSTEMD_POST_INSTALL_HOOKS += FIRMWARE_SBSIGN

# Users come from sysusers.d and users.table, nothing is setuid, and no package owns a file.
PACKAGES_USERS =
PACKAGES_PERMISSIONS_TABLE =

# As in xtask: all owned by root, one time, no extended attributes.
ROOTFS_EROFS_ARGS += --all-root --all-time -x-1
