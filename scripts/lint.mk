# Compiles every C file with the warnings of two compilers as errors, and runs clang's analyser; used by scripts/lint.
# clang's warnings need no code to be generated, some of gcc's do.  A file is looked at again when it, or a header it includes, has changed.
BUILD = build/lint
INCLUDES = -Isrc -Iunit -isystem $(SERVER_INCLUDE) -isystem $(CLIENT_INCLUDE)
COMMON = -std=gnu11 -D_GNU_SOURCE -O2 -fPIC -fno-strict-aliasing -fwrapv -ffp-contract=off -Werror -Wall -Wextra -Wpointer-arith -Wvla \
	-Wdeclaration-after-statement -Wmissing-prototypes -Wstrict-prototypes -Wold-style-definition -Wformat-security -Wwrite-strings \
	-Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
GCC_ONLY = -Wimplicit-fallthrough=3 -Wmissing-format-attribute -Wcast-function-type -Wshadow=compatible-local -Wlogical-op -Wduplicated-cond \
	-Wno-clobbered -Wno-format-truncation -Wno-stringop-truncation
CLANG_ONLY = -Wno-ignored-attributes -Wunused-command-line-argument -Wcompound-token-split-by-macro -Wshadow-all -Wno-shadow -Wunreachable-code-return -Wcomma -Wassign-enum \
	-Wconditional-uninitialized
CHECKERS = core,unix,deadcode,security.FloatLoopCounter,security.insecureAPI.UncheckedReturn

FILES = $(sort $(wildcard src/*.c src/*/*.c unit/*.c bench/*/*.c))
.PHONY: all
all: $(FILES:%.c=$(BUILD)/%.gcc) $(FILES:%.c=$(BUILD)/%.clang) $(patsubst %.c,$(BUILD)/%.analysed,$(filter src/%,$(FILES)))
.DELETE_ON_ERROR:

$(BUILD)/%.gcc: %.c scripts/lint.mk
	@mkdir -p $(@D)
	@gcc $(COMMON) $(GCC_ONLY) $(INCLUDES) -MMD -MP -MT $@ -MF $@.d -c -o $@.o $< && rm -f $@.o && touch $@

$(BUILD)/%.clang: %.c scripts/lint.mk
	@mkdir -p $(@D)
	@clang $(COMMON) $(CLANG_ONLY) $(INCLUDES) -MMD -MP -MT $@ -MF $@.d -fsyntax-only $< && touch $@

# The analyser does not fail by itself.
$(BUILD)/%.analysed: %.c scripts/lint.mk
	@mkdir -p $(@D)
	@clang --analyze -Xclang -analyzer-output=text -Xclang -analyzer-checker=$(CHECKERS) -std=gnu11 -D_GNU_SOURCE -DUSE_ASSERT_CHECKING=1 -fno-strict-aliasing -fwrapv \
		$(INCLUDES) -MMD -MP -MT $@ -MF $@.d -o /dev/null $< >$@.log 2>&1; status=$$?; \
	if [ $$status != 0 ] || grep -q 'warning:' $@.log; then grep 'warning:\|error:' $@.log; exit 1; fi; touch $@

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
