#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/version.h"
#include "tools/gridctl/command.h"

struct parsed { enum parse_result result; struct ctl ctl; struct buffer text; };

/* Parses a line of words separated by single blanks. */
static void run(struct parsed *parsed, const char *line, const char *endpoints)
{
    static char words[512], name[] = "gridctl";
    char *arguments[32] = {name};
    int count = 1;
    memset(parsed, 0, sizeof *parsed);
    snprintf(words, sizeof words, "%s", line);
    for (char *rest, *word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        arguments[count++] = word;
    parsed->ctl.table = &COMMANDS;
    parsed->result = parse(&parsed->ctl, count, arguments, endpoints, &parsed->text);
    buffer_append_u8(&parsed->text, 0);
}

static void done(struct parsed *parsed)
{
    parse_close(&parsed->ctl);
    buffer_close(&parsed->text);
}

static void refuses(const char *line, const char *what)
{
    struct parsed parsed;
    run(&parsed, line, NULL);
    cr_expect_eq(parsed.result, PARSE_USAGE, "%s", line);
    cr_expect_not_null(strstr((const char *)parsed.text.data, what), "%s: %s", line, (const char *)parsed.text.data);
    done(&parsed);
}

Test(parse, finds_command_arguments_and_options_in_any_order)
{
    struct parsed parsed;
    run(&parsed, "-o json map --map=things set --affinity a KEY -t 500 VALUE", NULL);
    cr_assert_eq(parsed.result, PARSE_USAGE, "options of a command stand behind it");
    done(&parsed);
    run(&parsed, "-o json map set --map=things KEY --affinity a VALUE -t500", NULL);
    cr_assert_eq(parsed.result, PARSE_RUN, "%s", (const char *)parsed.text.data);
    cr_expect_str_eq(parsed.ctl.command->name, "set");
    cr_expect_eq(parsed.ctl.arguments_count, 2);
    cr_expect_str_eq(parsed.ctl.arguments[0], "KEY");
    cr_expect_str_eq(parsed.ctl.arguments[1], "VALUE");
    cr_expect_str_eq(ctl_option(&parsed.ctl, "map", "default"), "things");
    cr_expect_str_eq(ctl_option(&parsed.ctl, "affinity", ""), "a");
    cr_expect(parsed.ctl.json);
    cr_expect_eq(parsed.ctl.timeout_ms, 500);
    done(&parsed);
}

Test(parse, tells_the_version_before_any_command)
{
    struct parsed parsed;
    run(&parsed, "--version", NULL);
    cr_expect_eq(parsed.result, PARSE_HELP);
    cr_expect_str_eq((const char *)parsed.text.data, "gridctl " GRIDIRON_VERSION "\n");
    done(&parsed);
    run(&parsed, "map cas KEY VALUE --version 3", NULL);
    cr_expect_eq(parsed.result, PARSE_RUN);
    cr_expect_str_eq(ctl_option(&parsed.ctl, "version", ""), "3");
    done(&parsed);
}

Test(parse, two_dashes_end_the_options)
{
    struct parsed parsed;
    run(&parsed, "map set -- -key --value", NULL);
    cr_assert_eq(parsed.result, PARSE_RUN);
    cr_expect_str_eq(parsed.ctl.arguments[0], "-key");
    cr_expect_str_eq(parsed.ctl.arguments[1], "--value");
    done(&parsed);
    run(&parsed, "map get -", NULL);
    cr_assert_eq(parsed.result, PARSE_RUN, "a dash alone is an argument");
    done(&parsed);
}

Test(parse, endpoints_come_from_the_flag_the_environment_or_a_context)
{
    struct parsed parsed;
    run(&parsed, "map size", NULL);
    cr_expect_eq(parsed.ctl.endpoints_count, 0, "to be found when it connects");
    done(&parsed);
    run(&parsed, "map size --context production", "a:1,b:2");
    cr_expect_eq(parsed.ctl.endpoints_count, 0, "the flag is stronger than the environment");
    cr_expect_str_eq(parsed.ctl.context, "production");
    done(&parsed);
    refuses("map size --context production --endpoints a:1", "exclude each other");
    run(&parsed, "map size", "a:1,b:2");
    cr_expect_eq(parsed.ctl.endpoints_count, 2);
    cr_expect_str_eq(parsed.ctl.endpoints[1], "b:2");
    done(&parsed);
    run(&parsed, "map size -e c:3", "a:1,b:2");
    cr_expect_eq(parsed.ctl.endpoints_count, 1);
    cr_expect_str_eq(parsed.ctl.endpoints[0], "c:3");
    done(&parsed);
}

Test(parse, says_what_is_wrong)
{
    refuses("", "usage");
    refuses("maps", "no such group of commands: maps");
    refuses("map sett", "no such command: sett");
    refuses("map set", "arguments are missing: KEY [VALUE]");
    refuses("map set a b c", "too many arguments: c");
    refuses("map get a --nope", "no such option: --nope");
    refuses("map get a -x", "no such option: -x");
    refuses("map get a --map", "needs a value: --map");
    refuses("map load --strict=yes", "takes no value");
    refuses("map get a -o xml", "table, json, ndjson or yaml");
    refuses("map get a --timeout 0", "--timeout");
    refuses("map get a --timeout 5x", "--timeout");
    refuses("map get a --timeout 2h", "up to an hour");
    refuses("map get a --timeout -5", "--timeout");
    refuses("map get a -e nowhere", "--endpoints are HOST:PORT");
    refuses("map get a -e :7400", "--endpoints are HOST:PORT");
    refuses("map", "map set");
    refuses("map get a -e a:0", "--endpoints");
    refuses("map get a -e a:70000", "--endpoints");
    refuses("map get a -e a:http", "--endpoints");
}

Test(parse, names_what_was_probably_meant)
{
    refuses("mpa get a", "did you mean map?");
    refuses("map sacn", "did you mean scan?");
    refuses("map scan --limt 5", "no such option: --limt; did you mean --limit?");
    refuses("map scan --limt=5", "did you mean --limit?");
    refuses("map scan --endpoint a:1", "did you mean --endpoints?");
}

Test(parse, takes_no_option_twice_and_no_option_for_a_value)
{
    struct parsed parsed;
    refuses("map get a --map x --map y", "--map is given twice");
    refuses("map get a -m x --map=x", "--map is given twice");
    refuses("map get a -o json -o table", "--output is given twice");
    refuses("map load --file --strict", "--file needs a value; one that begins with -- is written --file=--strict");
    refuses("map set k v --idempotency-key --ttl=5", "--idempotency-key needs a value");
    run(&parsed, "map get a --map=--odd --affinity -x", NULL);
    cr_assert_eq(parsed.result, PARSE_RUN, "%s", (const char *)parsed.text.data);
    cr_expect_str_eq(ctl_option(&parsed.ctl, "map", ""), "--odd");
    cr_expect_str_eq(ctl_option(&parsed.ctl, "affinity", ""), "-x");
    done(&parsed);
}

Test(parse, a_choice_is_one_of_its_words)
{
    struct parsed parsed;
    refuses("order list --status SHIPPED", "--status is pending, confirmed or cancelled, not 'SHIPPED'");
    refuses("saga list --status CONFIRMED", "--status is started, in_progress, completed, compensating, compensated, failed or timed_out");
    refuses("order list --status=", "--status is pending");
    refuses("map config --journal yes", "--journal is on or off, not 'yes'");
    refuses("bench map --op put", "--op is set, get or mixed");
    run(&parsed, "saga list --status TIMED_OUT", NULL);
    cr_expect_eq(parsed.result, PARSE_RUN, "capitals are as good");
    done(&parsed);
    run(&parsed, "journal tail --from 17", NULL);
    cr_expect_eq(parsed.result, PARSE_RUN, "not all of these are words");
    done(&parsed);
}

Test(parse, durations_have_units_or_are_in_the_option_s_own)
{
    struct parsed parsed;
    uint64_t value;
    run(&parsed, "cluster watch --interval 2m --timeout 1m30s", NULL);
    cr_expect_eq(parsed.ctl.timeout_ms, 90000);
    cr_expect(ctl_seconds(&parsed.ctl, "interval", 1, 3600, &value) && value == 120);
    cr_expect_not(ctl_seconds(&parsed.ctl, "interval", 1, 119, &value), "too long");
    done(&parsed);
    run(&parsed, "cluster watch --interval 5", NULL);
    cr_expect(ctl_seconds(&parsed.ctl, "interval", 1, 3600, &value) && value == 5);
    done(&parsed);
    run(&parsed, "cluster watch --interval 1500ms", NULL);
    cr_expect_not(ctl_seconds(&parsed.ctl, "interval", 1, 3600, &value), "not whole");
    done(&parsed);
    run(&parsed, "map config --journal-age 36h", NULL);
    cr_expect(ctl_duration(&parsed.ctl, "journal-age", 0, UINT64_MAX, &value) && value == UINT64_C(36) * 3600 * 1000);
    cr_expect_not(ctl_duration(&parsed.ctl, "journal-age", 0, 1000, &value), "too long");
    done(&parsed);
    run(&parsed, "map config --journal-age 1.5h", NULL);
    cr_expect_not(ctl_duration(&parsed.ctl, "journal-age", 0, UINT64_MAX, &value));
    done(&parsed);
}

/* Every line fits a terminal of 80 columns; what goes on in the next one begins where the text above it begins. */
static void is_aligned(const char *help, const char *which)
{
    for (const char *line = help; *line != 0;) {
        size_t size = strcspn(line, "\n"), indent = strspn(line, " ");
        bool row = size > HELP_COLUMN && line[0] == ' ' && indent < HELP_COLUMN && line[HELP_COLUMN - 1] == ' ' && line[HELP_COLUMN] != ' ';
        cr_expect_leq(size, HELP_WIDTH, "%s: %.*s", which, (int)size, line);
        cr_expect(indent == size || indent == 0 || indent == 2 || indent == 6 || indent == 10 || indent == HELP_COLUMN || row, "%s: %.*s", which, (int)size, line);
        line += size + (line[size] == '\n');
    }
}

/* The text with one space for all between two words. */
static void squeeze(char *text)
{
    char *to = text;
    for (const char *from = text; *from != 0; from++)
        if ((*from != ' ' && *from != '\n') || (to > text && to[-1] != ' '))
            *to++ = *from == '\n' ? ' ' : *from;
    *to = 0;
}

Test(parse, help_shows_every_command_with_examples)
{
    struct parsed parsed;
    for (size_t i = 0; i < COMMANDS.count; i++) {
        char line[128];
        snprintf(line, sizeof line, "%s %s --help", COMMANDS.rows[i].group, COMMANDS.rows[i].name);
        run(&parsed, line, NULL);
        cr_expect_eq(parsed.result, PARSE_HELP, "%s", line);
        snprintf(line, sizeof line, "  gridctl %s%s%s", COMMANDS.rows[i].group, COMMANDS.rows[i].name[0] != 0 ? " " : "", COMMANDS.rows[i].name);
        cr_expect_not_null(strstr((const char *)parsed.text.data, line), "%s has an example", line);
        is_aligned((const char *)parsed.text.data, line);
        done(&parsed);
    }
    run(&parsed, "--help", NULL);
    cr_expect_eq(parsed.result, PARSE_HELP);
    is_aligned((const char *)parsed.text.data, "all");
    squeeze((char *)parsed.text.data);
    for (size_t i = 0; i < COMMANDS.count; i++)
        cr_expect_not_null(strstr((const char *)parsed.text.data, COMMANDS.rows[i].summary));
    done(&parsed);
}

Test(parse, the_table_is_sound)
{
    for (size_t i = 0; i < COMMANDS.count; i++) {
        const struct command_row *row = &COMMANDS.rows[i];
        size_t options = 0;
        cr_expect(row->run != NULL && row->summary[0] != 0 && row->arguments_min <= row->arguments_max);
        cr_expect_leq(row->arguments_max, ARGUMENTS_MAX);
        for (const struct option_row *option = row->options; option != NULL && option->name != NULL; option++) {
            options++;
            for (const struct option_row *common = COMMANDS.common; common->name != NULL; common++)
                cr_expect(strcmp(common->name, option->name) != 0 &&
                          (option->letter == 0 || option->letter != common->letter),
                          "%s %s: --%s hides a common option", row->group, row->name, option->name);
            for (const struct option_row *other = row->options; other != option; other++)
                cr_expect(option->letter == 0 || option->letter != other->letter, "%s %s: -%c twice", row->group,
                          row->name, option->letter);
        }
        cr_expect_leq(options, OPTIONS_MAX);
    }
}

Test(parse, numbers_are_whole_and_bounded)
{
    struct parsed parsed;
    uint64_t number;
    run(&parsed, "map scan --limit 17", NULL);
    cr_expect(ctl_number(&parsed.ctl, "limit", 100, UINT64_MAX, &number));
    cr_expect_eq(number, 17);
    cr_expect_not(ctl_number(&parsed.ctl, "limit", 100, 16, &number));
    done(&parsed);
    run(&parsed, "map scan", NULL);
    cr_expect(ctl_number(&parsed.ctl, "limit", 100, UINT64_MAX, &number));
    cr_expect_eq(number, 100);
    done(&parsed);
    static const char *const bad[] = {"x", "1x", "-1", "+1", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[64];
        snprintf(line, sizeof line, "map scan --limit=%s", bad[i]);
        run(&parsed, line, NULL);
        cr_expect_not(ctl_number(&parsed.ctl, "limit", 100, UINT64_MAX, &number), "%s", line);
        done(&parsed);
    }
}
