# SPDX-License-Identifier: Apache-2.0
# Makefile - builds, checks and installs Skerry.  `make help` lists the targets.
#
# One make, no recursion into folders: sources are found by folder, objects go
# to $(BUILD)/obj, everything built to $(BUILD).  Other compilers and the
# sanitizers are the same Makefile with another BUILD (see asan, ubsan, fuzz).

.DEFAULT_GOAL := all
BUILD ?= build
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
AR ?= ar
V ?= 0
# pie: a static program at a random address; yes: a static one; no: dynamic.
# auto takes the first of them that links here.
STATIC ?= auto
# -Werror is for ourselves; whoever builds with a newer compiler can do without
WERROR ?= 0
# address, undefined, ... (-fsanitize)
SANITIZE ?=
FUZZ_SECONDS ?= 20

PREFIX ?= /usr/local
DESTDIR ?=
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
LIBEXECDIR ?= $(PREFIX)/libexec
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man

VERSION := $(shell sed -n 's/^\#define SKERRY_VERSION[[:space:]]*"\(.*\)"/\1/p' runtime/include/skerry/skerry.h)
SONAME := libskerry.so.0

Q := $(if $(filter 0,$(V)),@,)
say = $(if $(filter 0,$(V)),@printf '  %-8s %s\n' '$(1)' '$(2)')

# --- sources -------------------------------------------------------------------

LIB_DIRS := base runtime/spec cgroups runtime/isolate runtime/container
lib_sources = $(foreach dir,$(1),$(wildcard $(dir)/*.c))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

LIB_SRC := $(call lib_sources,$(LIB_DIRS))
CLI_SRC := $(wildcard runtime/cli/*.c)
SYSTEMD_SRC := $(wildcard cgroups/systemd/*.c)
UNIT_SRC := $(shell find tests/unit -name '*_test.c' 2>/dev/null | sort)
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.c)
BENCH_SRC := $(wildcard tests/bench/*.c)
SOURCES := $(LIB_SRC) $(CLI_SRC) $(SYSTEMD_SRC) $(wildcard base/static/*.c)
HEADERS := $(sort $(foreach dir,$(LIB_DIRS) runtime/cli cgroups/systemd,$(wildcard $(dir)/*.h)) \
	$(wildcard runtime/include/skerry/*.h))
TEST_SOURCES := $(UNIT_SRC) $(FUZZ_SRC) $(BENCH_SRC)
PROGRAMS := $(if $(CLI_SRC),$(BUILD)/skerry) $(if $(SYSTEMD_SRC),$(BUILD)/skerry-systemd)
# Programs beside `skerry` that it starts; installed in libexec.
LIBEXEC_PROGRAMS := $(if $(SYSTEMD_SRC),$(BUILD)/skerry-systemd)
# Programs that others start by their name; installed in bin.
BIN_PROGRAMS := $(BUILD)/skerry
# Folders that become an archive $(BUILD)/lib/<folder with dashes>.a
ARCHIVE_DIRS := $(LIB_DIRS) runtime/cli
SCRIPTS = $(shell grep -rlE --exclude='*.[chS]' --exclude='*.md' \
	'^\#!(/usr)?/bin/(env )?(ba)?sh|^\# shellcheck shell=' runtime tests .ci 2>/dev/null | sort)
MAN_PAGES := $(wildcard docs/man/*.[1-9])

# What a folder brings itself: it adds to SOURCES, HEADERS, PROGRAMS, LIBEXEC_PROGRAMS and
# ARCHIVE_DIRS, names what its unit tests link (LAYERS_<folder>, LIBS_<folder>) and how its programs
# are linked.  Beside it a file `packages` names what building needs (runtime/demo/run --setup).
FRAGMENTS := $(wildcard cni/build.mk image/build.mk runtime/shim/build.mk runtime/migrate/build.mk \
	runtime/archive/build.mk)
include $(FRAGMENTS)

# --- flags ---------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wwrite-strings -Wcast-qual -Wpointer-arith -Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough \
	-Wnull-dereference -Wdouble-promotion -Werror=return-type -Werror=incompatible-pointer-types
OPTIMIZE ?= -O2 -g
HARDENING := -fstack-protector-strong -fstack-clash-protection -fvisibility=hidden -fno-common
LDHARDENING := -Wl,-z,relro,-z,now -Wl,--as-needed

CPPFLAGS_ALL = -I. -Iruntime/include -D_GNU_SOURCE \
	-DSKERRY_LIBEXECDIR='"$(LIBEXECDIR)/skerry"' $(CPPFLAGS)
CFLAGS_ALL = -std=gnu11 $(WARNINGS) $(if $(filter 1,$(WERROR)),-Werror) $(OPTIMIZE) -fPIC \
	-ffunction-sections -fdata-sections $(HARDENING) -include base/banned.h
LDFLAGS_ALL = $(LDHARDENING) -Wl,--gc-sections $(CONFIG_LDFLAGS) $(LDFLAGS)
ifneq ($(SANITIZE),)
 CFLAGS_ALL += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all
 LDFLAGS_ALL += -fsanitize=$(SANITIZE)
 STATIC := no
else
 CFLAGS_ALL += $(CONFIG_CFLAGS)
endif
CFLAGS_ALL += $(CFLAGS)

LIBS_DYNAMIC := -lseccomp -lyajl
LIBS_STATIC := -lseccomp -lyajl_s

# What this compiler and libc can do, found out once per BUILD; by check and run only once they have
# installed what is missing, in a make of their own.
ifneq ($(filter-out check run clean help fmt,$(or $(MAKECMDGOALS),all)),)
 -include $(BUILD)/config.mk
endif
$(BUILD)/config.mk: Makefile base/static/start.c base/static/start_probe.c
	@mkdir -p $(BUILD)
	@{ \
	try() { echo 'int main(void) { return 0; }' | \
		$(CC) -x c $$1 -Werror -o $(BUILD)/config.try - $$2 >/dev/null 2>&1; }; \
	cflags=; \
	if try '-O2 -D_FORTIFY_SOURCE=3 -include stdio.h'; \
	then cflags='-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3'; \
	else cflags='-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2'; fi; \
	try '-ftrivial-auto-var-init=zero' && cflags="$$cflags -ftrivial-auto-var-init=zero"; \
	if try '-fPIE -static-pie' '$(LIBS_STATIC)'; then static=pie; \
	elif try '-static' '$(LIBS_STATIC)'; then static=yes; else static=no; fi; \
	entry=; entry_cflags=; \
	case $$($(CC) -dumpmachine) in x86_64*) entry=-Wl,-e,entry_start ;; esac; \
	for flag in -ftrivial-auto-var-init=uninitialized -fno-tree-loop-distribute-patterns; do \
	try "$$flag" && entry_cflags="$$entry_cflags $$flag"; done; \
	probe() { $(CC) -I. -D_GNU_SOURCE -O2 -fPIC -fno-stack-protector "$$@" -o $(BUILD)/config.try \
			base/static/start_probe.c >/dev/null 2>&1 && \
		said=$$(START_PROBE=c $(BUILD)/config.try a 2>&1 | tr '\n' ' ') && \
		[ "$$said" = 'a 0.25 c end ' ]; }; \
	case $$static in pie) link=-static-pie ;; yes) link=-static ;; *) link=-pie ;; esac; \
	packed=-Wl,-z,pack-relative-relocs; probe $$link $$packed || packed=; \
	if [ $$static != no ] && probe $$link $$packed base/static/start.c; then start=yes; else start=no; fi; \
	rm -f $(BUILD)/config.try; \
	echo "CONFIG_ENTRY := $$entry"; echo "CONFIG_ENTRY_CFLAGS := $$entry_cflags"; \
	echo "CONFIG_START := $$start"; echo "CONFIG_LDFLAGS := $$packed"; \
	echo "CONFIG_CFLAGS := $$cflags"; echo "CONFIG_STATIC := $$static"; \
	} >$@

LINK_MODE = $(if $(filter auto,$(STATIC)),$(CONFIG_STATIC),$(STATIC))
LINK_PROGRAM = $(if $(filter pie,$(LINK_MODE)),-static-pie,$(if $(filter yes,$(LINK_MODE)),-static,-pie))
# In place of the C library's own start, see there.
START = $(if $(filter yes,$(CONFIG_START)),$(if $(filter pie yes,$(LINK_MODE)),$(BUILD)/obj/base/static/start.o))
STARTED := $(BUILD)/skerry $(BUILD)/skerry-cni $(BUILD)/skerry-net $(BUILD)/containerd-shim-skerry-v2
LIBS_PROGRAM = $(if $(filter no,$(LINK_MODE)),$(LIBS_DYNAMIC),$(LIBS_STATIC))

# --- targets -------------------------------------------------------------------

.PHONY: all run check unit bench install uninstall lint fmt asan ubsan fuzz deb help clean \
	FORCE
.DELETE_ON_ERROR:
.SECONDARY:

LIBRARIES := $(BUILD)/libskerry.a $(BUILD)/$(SONAME)

all: $(PROGRAMS) $(LIBRARIES) $(BUILD)/skerry.pc ## build everything into $(BUILD)

help: ## this list
	@awk -F':.*## ' '/^[a-z_.-]+:.*## / { printf "  %-22s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'Variables: BUILD CC CFLAGS LDFLAGS V=1 STATIC=auto|pie|yes|no WERROR=1 SANITIZE='
	@echo '  PREFIX DESTDIR FUZZ_SECONDS; check: NATIVE=1 or VM=1 for one lane only'

# Objects depend on their flags: other flags, other objects.
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)
	@echo '$(subst ','\'',$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL))' | cmp -s - $@ || \
		echo '$(subst ','\'',$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL))' >$@

$(BUILD)/obj/%.o: %.c $(BUILD)/flags Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# The folder with the calls of skerry.h; libskerry.map lets only those out of the shared library.
$(BUILD)/obj/runtime/container/%.o: CFLAGS_ALL += -fvisibility=default -fno-semantic-interposition

# The commit that --version shows: only what is in a checkout has one.
COMMIT := $(shell GIT_OPTIONAL_LOCKS=0 git describe --always --long --dirty --abbrev=12 --exclude='*' 2>/dev/null)
$(BUILD)/commit: FORCE
	@mkdir -p $(BUILD)
	@echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' >$@
$(BUILD)/obj/runtime/cli/version.o: $(BUILD)/commit
$(BUILD)/obj/runtime/cli/version.o: CPPFLAGS_ALL += $(if $(COMMIT),-DSKERRY_COMMIT='"$(COMMIT)"')

# Before the C library: nothing that it prepares may be used (see there).
$(BUILD)/obj/runtime/cli/entry.o: CFLAGS_ALL += -O2 -fno-stack-protector -fno-builtin \
	-U_FORTIFY_SOURCE $(CONFIG_ENTRY_CFLAGS)

$(BUILD)/obj/base/static/start.o: CFLAGS_ALL += -O2 -fno-stack-protector -U_FORTIFY_SOURCE

# --- libraries and programs ----------------------------------------------------

define archive
	$(call say,AR,$@)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
endef

$(BUILD)/libskerry.a: $(call objects,$(LIB_SRC))
	$(archive)

$(BUILD)/$(SONAME): $(call objects,$(LIB_SRC)) runtime/include/libskerry.map
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) -shared $(LDFLAGS_ALL) -Wl,-soname,$(SONAME) \
		-Wl,--version-script,runtime/include/libskerry.map -o $@ $(filter %.o,$^) $(LIBS_DYNAMIC)

$(BUILD)/skerry: $(call objects,$(CLI_SRC)) $(BUILD)/libskerry.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LINK_PROGRAM) $(LDFLAGS_ALL) $(CONFIG_ENTRY) -o $@ $^ $(LIBS_PROGRAM)

$(filter $(PROGRAMS),$(STARTED)): $(START)

# Dynamic: libsystemd has no archive, and only the systemd manager starts it.
$(BUILD)/skerry-systemd: $(call objects,$(SYSTEMD_SRC)) \
		$(BUILD)/lib/cgroups.a $(BUILD)/lib/runtime-spec.a $(BUILD)/lib/base.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) -pie $(LDFLAGS_ALL) -o $@ $^ -lsystemd -lyajl

$(BUILD)/skerry.pc: runtime/include/skerry.pc.in runtime/include/skerry/skerry.h $(BUILD)/flags Makefile
	$(Q)sed -e 's|@prefix@|$(PREFIX)|' -e 's|@libdir@|$(LIBDIR)|' \
		-e 's|@includedir@|$(INCLUDEDIR)|' -e 's|@version@|$(VERSION)|' $< >$@

# --- unit tests ----------------------------------------------------------------
# A test links what lies below its folder and that folder, so that a broken
# folder breaks the tests of those above it only.

LAYERS_base := base
LAYERS_spec := base runtime/spec
LAYERS_cgroups := base runtime/spec cgroups
LAYERS_isolate := base runtime/spec runtime/isolate
LAYERS_container := $(LIB_DIRS)
LAYERS_cli := $(LIB_DIRS) runtime/cli

UNIT_PROGRAMS := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
layer_archives = $(foreach dir,$(1),$(BUILD)/lib/$(subst /,-,$(dir)).a)

define layer_rule
$(BUILD)/lib/$(subst /,-,$(1)).a: $(call objects,$(filter-out %/main.c,$(call lib_sources,$(1))))
	$$(archive)
endef
$(foreach dir,$(ARCHIVE_DIRS),$(eval $(call layer_rule,$(dir))))

# tests/unit/base/buf_test.c and tests/unit/runtime/spec/load_test.c alike: the folder's last name
define unit_rule
$(1): $(patsubst $(BUILD)/unit/%,$(BUILD)/obj/tests/unit/%.o,$(1)) \
		$(call layer_archives,$(or $(LAYERS_$(notdir $(patsubst %/,%,$(dir $(1))))),$(LIB_DIRS)))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS_ALL) -pie $$(LDFLAGS_ALL) -o $$@ $$< \
		-Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group \
		$(LIBS_$(notdir $(patsubst %/,%,$(dir $(1))))) $$(LIBS_DYNAMIC)
endef
$(foreach program,$(UNIT_PROGRAMS),$(eval $(call unit_rule,$(program))))

UNIT ?= unit
UNIT_WANTED := $(foreach t,$(UNIT_PROGRAMS),$(if $(findstring $(UNIT),$(t)),$(t)))
unit: $(UNIT_WANTED) ## unit tests (UNIT=word: those whose path has it)
	@tests/unit/run $(UNIT_WANTED)

# --- checks --------------------------------------------------------------------

check: ## everything: two compilers, unit tests, sanitizers, lint, both lanes (NATIVE=1, VM=1: one)
	@MAKE='$(MAKE)' BUILD='$(BUILD)' NATIVE='$(NATIVE)' VM='$(VM)' tests/check

asan: ## unit tests under the address and undefined behaviour sanitizers
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan SANITIZE=address,undefined \
		OPTIMIZE='-O1 -g' unit

ubsan: ## unit tests under the undefined behaviour sanitizer of clang
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/ubsan CC=clang SANITIZE=undefined,integer-divide-by-zero \
		OPTIMIZE='-O1 -g' unit

FUZZ_PROGRAMS := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/bin/%)

fuzz: ## every fuzz target for FUZZ_SECONDS, from its seeds
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=clang OPTIMIZE='-O1 -g' \
		SANITIZE=fuzzer-no-link,address,undefined fuzz-programs
	@tests/fuzz/run $(FUZZ_SECONDS) $(BUILD)/fuzz $(FUZZ_PROGRAMS)

.PHONY: fuzz-programs
fuzz-programs: $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/bin/%)
$(BUILD)/bin/%_fuzz: $(BUILD)/obj/tests/fuzz/%_fuzz.o $(BUILD)/lib/runtime-cli.a $(BUILD)/libskerry.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined $(LDFLAGS_ALL) -o $@ \
		-Wl,--start-group $^ -Wl,--end-group $(FUZZ_LIBS_$*) $(LIBS_DYNAMIC)

BENCH_PROGRAMS := $(BENCH_SRC:tests/bench/%.c=$(BUILD)/bench/%)
$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/libskerry.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(LINK_PROGRAM) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_PROGRAM)

.PHONY: bench-programs
bench-programs: $(BENCH_PROGRAMS)

BENCH ?= run cni isolation shim image image-layers
bench: all bench-programs ## measure against the peers (BENCH="run cni ..."; checkpoint, migrate: tests/vm/run tests/bench/checkpoint)
	@for part in $(BENCH); do echo "== $$part"; BUILD='$(BUILD)' tests/bench/$$part || exit 1; done

# --- lint ----------------------------------------------------------------------
# One stamp per source and tool, so that a second run looks at changes only.

LINT := $(BUILD)/lint
LINT_FLAGS = $(CPPFLAGS_ALL) -std=gnu11 $(WARNINGS) -O2 -include base/banned.h
# ONLY=folder: what analysers look at
ONLY ?=
lint_stamps = $(patsubst %.c,$(LINT)/%.$(1),$(if $(ONLY),$(filter $(ONLY)%,$(2)),$(2)))

.PHONY: lint-format lint-tidy lint-cppcheck lint-analyzer lint-shell lint-size lint-rules \
	lint-headers lint-man lint-help lint-coverage
LINTS := lint-rules lint-size lint-format lint-headers lint-shell lint-man lint-help \
	lint-coverage lint-cppcheck lint-analyzer lint-tidy
lint: $(LINTS) ## format, rules, size, headers, help, coverage, clang-tidy, cppcheck, -fanalyzer, shellcheck, mandoc

lint-format:
	$(call say,FORMAT,$(words $(SOURCES) $(HEADERS) $(TEST_SOURCES)) files)
	@clang-format --dry-run -Werror $(SOURCES) $(HEADERS) $(TEST_SOURCES) $(wildcard tests/unit/*.h)

lint-rules:
	$(call say,RULES,)
	@tests/lint/rules.sh

lint-size:
	$(call say,SIZE,)
	@tests/lint/size.sh $(SOURCES) $(HEADERS)

lint-headers:
	$(call say,HEADERS,)
	@tests/lint/headers.sh '$(CC) $(CPPFLAGS_ALL) -std=gnu11 $(WARNINGS)' $(HEADERS)

lint-shell:
	$(call say,SHELL,)
	@shellcheck -S warning -x -P SCRIPTDIR $(SCRIPTS)

lint-man:
	$(call say,MANDOC,)
	@$(if $(MAN_PAGES),mandoc -T lint -W warning $(MAN_PAGES),true)

lint-help: $(BUILD)/skerry
	$(call say,HELP,)
	@tests/lint/help.sh $(BUILD)/skerry

lint-coverage: $(BUILD)/skerry
	$(call say,COVERAGE,)
	@tests/lint/coverage.sh $(BUILD)/skerry

lint-tidy: $(call lint_stamps,tidy,$(SOURCES))
lint-analyzer: $(call lint_stamps,analyzer,$(SOURCES))
lint-cppcheck: $(call lint_stamps,cppcheck,$(SOURCES))

$(LINT)/%.tidy: %.c $(HEADERS) .clang-tidy
	$(call say,TIDY,$<)
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(LINT_FLAGS) 2>$@.log || { grep -v 'warnings generated' $@.log; false; }
	@touch $@

$(LINT)/%.analyzer: %.c $(HEADERS)
	$(call say,ANALYZE,$<)
	@mkdir -p $(@D)
	@gcc $(LINT_FLAGS) -fanalyzer -Werror -c -o /dev/null $<
	@touch $@

$(LINT)/%.cppcheck: %.c $(HEADERS)
	$(call say,CPPCHECK,$<)
	@mkdir -p $(@D)
	@cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --platform=unix64 \
		--enable=warning,performance,portability,style \
		--suppressions-list=tests/lint/cppcheck.suppressions \
		-I. -Iruntime/include -D_GNU_SOURCE -D__x86_64__ -D__linux__ \
		-DSKERRY_LIBEXECDIR='""' $<
	@touch $@

fmt: ## clang-format all sources in place
	@clang-format -i $(SOURCES) $(HEADERS) $(TEST_SOURCES) $(wildcard tests/unit/*.h)

# --- run, install, package -----------------------------------------------------

run: ## a container of this machine's own root file system, in one command
	@runtime/demo/run --setup
	@$(MAKE) --no-print-directory all
	@runtime/demo/run $(BUILD)/skerry

install: all ## into DESTDIR and PREFIX
	install -D -m 755 -t $(DESTDIR)$(BINDIR) $(BIN_PROGRAMS)
	$(if $(LIBEXEC_PROGRAMS),install -D -m 755 -t $(DESTDIR)$(LIBEXECDIR)/skerry $(LIBEXEC_PROGRAMS))
	install -D -m 644 -t $(DESTDIR)$(LIBDIR) $(BUILD)/libskerry.a
	install -D -m 644 -t $(DESTDIR)$(LIBDIR) $(BUILD)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libskerry.so
	install -D -m 644 -t $(DESTDIR)$(LIBDIR)/pkgconfig $(BUILD)/skerry.pc
	install -D -m 644 -t $(DESTDIR)$(INCLUDEDIR)/skerry runtime/include/skerry/skerry.h
	$(foreach page,$(MAN_PAGES),install -D -m 644 -t $(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(page))) $(page) &&) true
	install -d $(DESTDIR)$(DATADIR)/bash-completion/completions
	$(BUILD)/skerry completion bash >$(DESTDIR)$(DATADIR)/bash-completion/completions/skerry
	$(foreach file,$(wildcard docs/engines/*),install -D -m 644 -t $(DESTDIR)$(DATADIR)/doc/skerry/engines $(file) &&) true
	install -D -m 644 -t $(DESTDIR)$(DATADIR)/doc/skerry config.json.example $(wildcard README.md)

uninstall: ## what install put there
	rm -f $(BIN_PROGRAMS:$(BUILD)/%=$(DESTDIR)$(BINDIR)/%) $(DESTDIR)$(LIBDIR)/libskerry.a $(DESTDIR)$(LIBDIR)/$(SONAME) \
		$(DESTDIR)$(LIBDIR)/libskerry.so $(DESTDIR)$(LIBDIR)/pkgconfig/skerry.pc \
		$(DESTDIR)$(DATADIR)/bash-completion/completions/skerry
	rm -rf $(DESTDIR)$(LIBEXECDIR)/skerry $(DESTDIR)$(INCLUDEDIR)/skerry $(DESTDIR)$(DATADIR)/doc/skerry
	$(foreach page,$(MAN_PAGES),rm -f $(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page)) &&) true

DEB_ARCH = $(shell dpkg --print-architecture)
deb: ## a Debian package in $(BUILD)
	@rm -rf $(BUILD)/deb
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/deb-build PREFIX=/usr DESTDIR=$(BUILD)/deb \
		LIBDIR=/usr/lib/$$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || \
			$(CC) -print-multiarch) install >/dev/null
	@packaging/deb $(BUILD)/deb $(VERSION) $(DEB_ARCH)
	@dpkg-deb --root-owner-group --build $(BUILD)/deb $(BUILD)/skerry_$(VERSION)_$(DEB_ARCH).deb

compile_commands.json: FORCE ## for editors and analysers
	@{ echo '['; separator=; for file in $(SOURCES) $(TEST_SOURCES); do \
		printf '%s{"directory":"%s","file":"%s","command":"%s"}' "$$separator" '$(CURDIR)' "$$file" \
		"$$(printf '%s' '$(subst ','\'',$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL)) -c '"$$file" | sed 's/["\\]/\\&/g')"; \
		separator=$$(printf ',\n.'); separator=$${separator%.}; done; echo; echo ']'; } >$@

clean: ## remove $(BUILD)
	rm -rf $(BUILD) compile_commands.json

-include $(patsubst %.c,$(BUILD)/obj/%.d,$(SOURCES) $(TEST_SOURCES))
