# SPDX-License-Identifier: Apache-2.0
# The CNI plugins: one program `skerry-cni` for all types, and their archives.
# lib/cni.a is the ground (cni/*.c), lib/cni-plugins.a all plugins and their registry.

comma := ,
CNI_CORE_SRC := $(wildcard cni/*.c)
CNI_PLUGIN_SRC := $(wildcard cni/plugins/*.c cni/plugins/*/*.c)
CNI_SRC := $(CNI_CORE_SRC) $(CNI_PLUGIN_SRC)
CNI_ARCHIVES := $(BUILD)/lib/cni-plugins.a $(BUILD)/lib/cni.a $(BUILD)/lib/base.a

SOURCES += $(CNI_SRC)
HEADERS += $(wildcard cni/*.h cni/plugins/*.h cni/plugins/*/*.h)

ifneq ($(wildcard cni/plugins/main.c),)
PROGRAMS += $(BUILD)/skerry-cni
LIBEXEC_PROGRAMS += $(BUILD)/skerry-cni
endif

# libnl keeps its headers in a folder of their own.
override CPPFLAGS += -isystem /usr/include/libnl3

# What a program with the plugins in it links behind its own objects, and how: static like the others
# (0.36 ms to start; 0.61 ms with shared libraries), so that it can be copied to a host that has
# nothing else of ours.  Where there is no libmnl.a (Debian) cni/static stands in for it.
ARCHIVE_DIRS += cni/static
SOURCES += $(wildcard cni/static/*.c)
CNI_MNL := $(if $(wildcard /usr/lib/*/libmnl.a /usr/lib/libmnl.a /usr/local/lib/libmnl.a),-l:libmnl.a)
CNI_NO_LOOKUPS := $(patsubst %,-Wl$(comma)--wrap=%,getaddrinfo freeaddrinfo getprotobyname getprotobynumber)
CNI_LIBS_DYNAMIC := -lnftnl -lmnl -lnl-3 -lyajl
CNI_LIBS = $(if $(filter no,$(LINK_MODE)),$(CNI_LIBS_DYNAMIC),\
	-l:libnl-3.a -l:libnftnl.a $(CNI_MNL) $(BUILD)/lib/cni-static.a -l:libyajl_s.a $(CNI_NO_LOOKUPS))
CNI_LINK = $(LINK_PROGRAM)
LAYERS_static := cni/static base

$(BUILD)/lib/cni.a: $(patsubst %.c,$(BUILD)/obj/%.o,$(CNI_CORE_SRC))
	$(archive)
$(BUILD)/lib/cni-plugins.a: $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out %/main.c,$(CNI_PLUGIN_SRC)))
	$(archive)

$(BUILD)/skerry-cni: $(BUILD)/obj/cni/plugins/main.o $(CNI_ARCHIVES) | $(BUILD)/lib/cni-static.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(CNI_LINK) $(LDFLAGS_ALL) -o $@ $^ $(CNI_LIBS)

LAYERS_cni := cni-plugins cni base
LIBS_cni := $(CNI_LIBS_DYNAMIC)

$(BUILD)/bin/netconf_fuzz $(BUILD)/bin/result_fuzz $(BUILD)/bin/nft_rule_fuzz $(BUILD)/bin/bus_fuzz $(BUILD)/bin/dhcp_fuzz: $(BUILD)/lib/cni-plugins.a $(BUILD)/lib/cni.a
FUZZ_LIBS_netconf := $(CNI_LIBS_DYNAMIC)
FUZZ_LIBS_result := $(CNI_LIBS_DYNAMIC)
FUZZ_LIBS_nft_rule := $(CNI_LIBS_DYNAMIC)
FUZZ_LIBS_bus := $(CNI_LIBS_DYNAMIC)
FUZZ_LIBS_dhcp := $(CNI_LIBS_DYNAMIC)

# A runtime finds a plugin by its type: links in a folder that CNI_PATH can name.
.PHONY: install-cni uninstall-cni
install: install-cni
install-cni: all
	install -d $(DESTDIR)$(LIBEXECDIR)/cni
	for type in $$($(BUILD)/skerry-cni --list); do \
		ln -sf ../skerry/skerry-cni $(DESTDIR)$(LIBEXECDIR)/cni/$$type || exit; done
uninstall: uninstall-cni
uninstall-cni:
	rm -rf $(DESTDIR)$(LIBEXECDIR)/cni

-include $(wildcard cni/net.mk)
