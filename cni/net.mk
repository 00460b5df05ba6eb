# SPDX-License-Identifier: Apache-2.0
# skerry-net: the caller's side of CNI, with our own plugins linked in.

NET_SRC := $(wildcard cni/net/*.c)
SOURCES += $(NET_SRC)
HEADERS += $(wildcard cni/net/*.h)
PROGRAMS += $(BUILD)/skerry-net
LIBEXEC_PROGRAMS += $(BUILD)/skerry-net

# what unit tests and the fuzzer see of it: all but main()
$(BUILD)/lib/cni-net.a: $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out %/main.c,$(NET_SRC)) runtime/cli/options.c)
	$(archive)

$(BUILD)/skerry-net: $(patsubst %.c,$(BUILD)/obj/%.o,$(NET_SRC) runtime/cli/options.c) $(CNI_ARCHIVES) \
		| $(BUILD)/lib/cni-static.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(CNI_LINK) $(LDFLAGS_ALL) -o $@ $^ $(CNI_LIBS)

LAYERS_net := cni-net $(LAYERS_cni)
LIBS_net := $(LIBS_cni)

$(BUILD)/bin/conflist_fuzz $(BUILD)/bin/network_records_fuzz: $(BUILD)/lib/cni-net.a $(BUILD)/lib/cni-plugins.a $(BUILD)/lib/cni.a
FUZZ_LIBS_conflist := $(CNI_LIBS_DYNAMIC)
FUZZ_LIBS_network_records := $(CNI_LIBS_DYNAMIC)
