# SPDX-License-Identifier: Apache-2.0
# build.mk - containerd-shim-skerry-v2 (included by the Makefile at the top)

SHIM_SRC := $(wildcard runtime/shim/*.c)
SOURCES += $(SHIM_SRC)
HEADERS += $(wildcard runtime/shim/*.h)
PROGRAMS += $(BUILD)/containerd-shim-skerry-v2
BIN_PROGRAMS += $(BUILD)/containerd-shim-skerry-v2
ARCHIVE_DIRS += runtime/shim
LAYERS_shim := $(LIB_DIRS) runtime/shim

$(BUILD)/containerd-shim-skerry-v2: $(call objects,$(SHIM_SRC)) $(BUILD)/libskerry.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LINK_PROGRAM) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_PROGRAM)

$(BUILD)/bin/ttrpc_fuzz $(BUILD)/bin/shim_request_fuzz $(BUILD)/bin/shim_options_fuzz: \
	$(BUILD)/lib/runtime-shim.a
