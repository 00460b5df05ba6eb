# SPDX-License-Identifier: Apache-2.0
# The CNI plugins: one program `skerry-cni` for all types, and their archives.
# lib/cni.a is the ground (cni/*.c), lib/cni-plugins.a all plugins and their registry.

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

# What a program with the plugins in it links behind its own objects.  Debian has no libmnl.a, so it
# can't be static; with archives for the rest it starts as fast as with two libraries (0.1 ms, not
# 0.4 ms, over a static one).  DYNAMIC is for tests and for a build without archives.
CNI_LIBS_DYNAMIC := -lnftnl -lmnl -lnl-3 -lyajl
CNI_LIBS = $(if $(filter no,$(LINK_MODE)),$(CNI_LIBS_DYNAMIC),\
	-l:libnftnl.a -l:libnl-3.a -l:libyajl_s.a -lmnl)

$(BUILD)/lib/cni.a: $(patsubst %.c,$(BUILD)/obj/%.o,$(CNI_CORE_SRC))
	$(archive)
$(BUILD)/lib/cni-plugins.a: $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out %/main.c,$(CNI_PLUGIN_SRC)))
	$(archive)

$(BUILD)/skerry-cni: $(BUILD)/obj/cni/plugins/main.o $(CNI_ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) -pie $(LDFLAGS_ALL) -o $@ $^ $(CNI_LIBS)

LAYERS_cni := cni-plugins cni base
LIBS_cni := $(CNI_LIBS_DYNAMIC)

$(BUILD)/bin/netconf_fuzz $(BUILD)/bin/result_fuzz: $(BUILD)/lib/cni-plugins.a $(BUILD)/lib/cni.a
FUZZ_LIBS_netconf := $(CNI_LIBS_DYNAMIC)
FUZZ_LIBS_result := $(CNI_LIBS_DYNAMIC)

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
