# build.mk - skerry-archive, checkpoints as files (included by the Makefile at the top)

ARCHIVE_SRC := $(wildcard runtime/archive/*.c)
SOURCES += $(ARCHIVE_SRC)
HEADERS += $(wildcard runtime/archive/*.h)
PROGRAMS += $(BUILD)/skerry-archive
LIBEXEC_PROGRAMS += $(BUILD)/skerry-archive
ARCHIVE_DIRS += runtime/archive
LAYERS_archive := base runtime/spec image runtime/archive
LIBS_archive = $(IMAGE_LIBS)

# Dynamic: ISA-L has no archive.
$(BUILD)/skerry-archive: $(BUILD)/obj/runtime/archive/main.o $(BUILD)/lib/runtime-archive.a \
		$(BUILD)/lib/image.a $(BUILD)/lib/runtime-spec.a $(BUILD)/lib/base.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) -pie $(LDFLAGS_ALL) -o $@ $^ $(IMAGE_LIBS) -lyajl

$(BUILD)/bin/checkpoint_archive_fuzz: $(BUILD)/lib/runtime-archive.a $(BUILD)/lib/image.a
FUZZ_LIBS_checkpoint_archive = $(IMAGE_LIBS)
