# image/build.mk - the image store (lib/image.a) and skerry-image, its commands

IMAGE_SRC := $(wildcard image/*.c)
IMAGE_CLI_SRC := $(wildcard image/cli/*.c)
SOURCES += $(IMAGE_SRC) $(IMAGE_CLI_SRC)
HEADERS += $(wildcard image/*.h image/cli/*.h)
ARCHIVE_DIRS += image image/cli

# libcrypto's digests alone, from the archive: its assembler without its start-up.
IMAGE_LIBS := -lisal -lzstd -Wl,--exclude-libs,libcrypto.a -l:libcrypto.a
LAYERS_image := base runtime/spec image
LIBS_image := $(IMAGE_LIBS)

ifneq ($(and $(wildcard image/layer.c),$(wildcard image/gc.c),$(wildcard image/rootfs.c),$(IMAGE_CLI_SRC)),)
PROGRAMS += $(BUILD)/skerry-image
LIBEXEC_PROGRAMS += $(BUILD)/skerry-image
endif

# Dynamic: ISA-L has no archive.
# The option parser and the help are those of `skerry` itself.
$(BUILD)/skerry-image: $(patsubst %.c,$(BUILD)/obj/%.o,$(IMAGE_CLI_SRC)) \
		$(BUILD)/lib/runtime-cli.a $(BUILD)/lib/image.a $(BUILD)/lib/runtime-spec.a \
		$(BUILD)/lib/base.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) -pie $(LDFLAGS_ALL) -o $@ $^ $(IMAGE_LIBS) -lyajl

# The store's calls as a command, for tests/integration/image.
$(BUILD)/tests/image-store: $(BUILD)/obj/tests/integration/tools/image-store.o \
		$(BUILD)/lib/image.a $(BUILD)/lib/runtime-spec.a $(BUILD)/lib/base.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -pie $(LDFLAGS_ALL) -o $@ $^ $(IMAGE_LIBS) -lyajl

IMAGE_FUZZ := tar manifest reference registry_reply dockerfile
$(IMAGE_FUZZ:%=$(BUILD)/bin/%_fuzz): $(BUILD)/lib/image.a
$(foreach name,$(IMAGE_FUZZ),$(eval FUZZ_LIBS_$(name) := $(IMAGE_LIBS)))
