# runtime/migrate/build.mk - skerry-migrate, which `skerry migrate` becomes

MIGRATE_SRC := $(wildcard runtime/migrate/*.c)
SOURCES += $(MIGRATE_SRC)
HEADERS += $(wildcard runtime/migrate/*.h)
ARCHIVE_DIRS += runtime/migrate
PROGRAMS += $(BUILD)/skerry-migrate
LIBEXEC_PROGRAMS += $(BUILD)/skerry-migrate

MIGRATE_LIBS := -lssl -lcrypto
LAYERS_migrate := base runtime/cli runtime/migrate
LIBS_migrate := $(MIGRATE_LIBS)

# The option parser and the help are those of `skerry` itself.
$(BUILD)/skerry-migrate: $(patsubst %.c,$(BUILD)/obj/%.o,$(MIGRATE_SRC)) \
		$(BUILD)/lib/runtime-cli.a $(BUILD)/libskerry.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) -pie $(LDFLAGS_ALL) -o $@ $^ $(MIGRATE_LIBS) $(LIBS_DYNAMIC)

MIGRATE_FUZZ := migrate
$(MIGRATE_FUZZ:%=$(BUILD)/bin/%_fuzz): $(BUILD)/lib/runtime-migrate.a
$(foreach name,$(MIGRATE_FUZZ),$(eval FUZZ_LIBS_$(name) := $(MIGRATE_LIBS)))
