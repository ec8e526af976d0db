/* completion bash, completion zsh: scripts written from the table of commands. */
#include <string.h>

#include "tools/gridctl/command.h"

/* ---- the table, group by group */

static bool first_of_group(const struct command_table *table, size_t row)
{
    return row == 0 || strcmp(table->rows[row].group, table->rows[row - 1].group) != 0;
}

static bool is_file(const struct option_row *option)
{
    return option->value != NULL && strncmp(option->value, "FILE", 4) == 0;
}

/* Values that are a choice of words: "table|json". */
static bool is_choice(const struct option_row *option)
{
    return option->value != NULL && !is_file(option) && strchr(option->value, '|') != NULL;
}

/* Appends the words that can be completed of a list such as "active|suspended|DATE"; DATE stands for a value of the user. */
static void put_words(struct buffer *out, const char *value)
{
    const char *gap = "";
    while (*value != 0) {
        size_t size = strcspn(value, "|");
        bool literal = *value >= 'a' && *value <= 'z';
        if (literal)
            buffer_append_format(out, "%s%.*s", gap, (int)size, value);
        gap = literal ? " " : gap;
        value += size + (value[size] == '|');
    }
}

/* ---- bash */

static const char BASH_BEGIN[] =
    "# Completion of gridctl for bash, written by: gridctl completion bash\n"
    "_gridctl()\n"
    "{\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} previous= group= command= words= files= valued= at\n"
    "    COMPREPLY=()\n"
    "    # A word that ends at '=' is the option, and what follows its value.\n"
    "    (( COMP_CWORD > 0 )) && previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    [[ $previous == = ]] && previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    [[ $current == = ]] && current=\n"
    "    for (( at = 1; at < COMP_CWORD; at++ )); do\n"
    "        case ${COMP_WORDS[at]} in\n";

static const char BASH_WORDS[] =
    "        -*) ;;\n"
    "        = | :) (( at++ )) ;;\n"
    "        *)\n"
    "            if [[ -z $group ]]; then\n"
    "                group=${COMP_WORDS[at]}\n"
    "            elif [[ -z $command ]]; then\n"
    "                command=${COMP_WORDS[at]}\n"
    "            fi\n"
    "            ;;\n"
    "        esac\n"
    "    done\n"
    "    case \"$group $command $previous\" in\n";

static const char BASH_END[] =
    "    esac\n"
    "    if [[ -n $files ]]; then\n"
    "        compopt -o filenames 2> /dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
    "    elif [[ -n $words ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
    "    fi\n"
    "}\n"
    "complete -F _gridctl gridctl\n";

static void bash_patterns(struct buffer *out, const struct option_row *option, const char *where)
{
    buffer_append_format(out, "    %s --%s'", where, option->name);
    if (option->letter != 0)
        buffer_append_format(out, " | %s -%c'", where, option->letter);
}

/* What may stand behind each option that takes a value. `where` opens a quote. */
static void bash_values(struct buffer *out, const struct option_row *option, const char *where)
{
    for (; option != NULL && option->name != NULL; option++) {
        if (option->value == NULL)
            continue;
        bash_patterns(out, option, where);
        buffer_append_text(out, ") valued=yes");
        if (is_file(option))
            buffer_append_text(out, " files=yes");
        if (is_choice(option)) {
            buffer_append_text(out, " words='");
            put_words(out, option->value);
            buffer_append_u8(out, '\'');
        }
        buffer_append_text(out, " ;;\n");
    }
}

static void bash_option_names(struct buffer *out, const struct option_row *option)
{
    for (; option != NULL && option->name != NULL; option++)
        buffer_append_format(out, " --%s", option->name);
}

static void bash_groups(struct buffer *out, const struct command_table *table)
{
    buffer_append_text(out, "    ' ') words='");
    for (size_t i = 0; i < table->count; i++)
        if (first_of_group(table, i))
            buffer_append_format(out, "%s ", table->rows[i].group);
    bash_option_names(out, table->common);
    buffer_append_text(out, " --version' ;;\n");
}

static void bash_own_options(struct buffer *out, const struct command_table *table, size_t i)
{
    bash_option_names(out, table->rows[i].options);
    bash_option_names(out, table->common);
}

static void bash_commands(struct buffer *out, const struct command_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        if (first_of_group(table, i))
            buffer_append_format(out, "%s    '%s ') words='", i > 0 ? "' ;;\n" : "", table->rows[i].group);
        if (table->rows[i].name[0] == 0)
            bash_own_options(out, table, i);
        else
            buffer_append_format(out, "%s ", table->rows[i].name);
    }
    buffer_append_text(out, "' ;;\n");
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].name[0] == 0)
            continue;
        buffer_append_format(out, "    '%s %s') words='", table->rows[i].group, table->rows[i].name);
        bash_own_options(out, table, i);
        buffer_append_text(out, "' ;;\n");
    }
}

int completion_bash(struct ctl *ctl)
{
    const struct command_table *table = ctl->table;
    struct buffer *out = &ctl->out;
    buffer_append_text(out, BASH_BEGIN);
    /* Before the command only the common options can stand; their values are neither group nor command. */
    for (const struct option_row *option = table->common; option->name != NULL; option++)
        if (option->value != NULL)
            buffer_append_format(out, "        --%s%s%.1s) [[ ${COMP_WORDS[at + 1]} == = ]] && (( at++ )); (( at++ )) ;;\n", option->name,
                                 option->letter != 0 ? " | -" : "", &option->letter);
    buffer_append_text(out, BASH_WORDS);
    for (size_t i = 0; i < table->count; i++) {
        struct buffer where = {0};
        buffer_append_format(&where, "'%s %s", table->rows[i].group, table->rows[i].name);
        buffer_append_u8(&where, 0);
        bash_values(out, table->rows[i].options, (const char *)where.data);
        buffer_close(&where);
    }
    bash_values(out, table->common, "*'");
    buffer_append_text(out, "    esac\n    [[ -z $valued ]] && case \"$group $command\" in\n");
    bash_groups(out, table);
    bash_commands(out, table);
    buffer_append_text(out, BASH_END);
    return EXIT_DONE;
}

/* ---- zsh */

static const char ZSH_BEGIN[] =
    "#compdef gridctl\n"
    "# Completion of gridctl for zsh, written by: gridctl completion zsh\n"
    "_gridctl()\n"
    "{\n"
    "    local group= command= at last=1\n"
    "    local -a found common own\n"
    "    for (( at = 2; at < CURRENT; at++ )); do\n"
    "        case ${words[at]} in\n";

static const char ZSH_WORDS[] =
    "        -*) ;;\n"
    "        *)\n"
    "            if [[ -z $group ]]; then\n"
    "                group=${words[at]} last=$at\n"
    "            elif [[ -z $command ]]; then\n"
    "                command=${words[at]} last=$at\n"
    "            fi\n"
    "            ;;\n"
    "        esac\n"
    "    done\n"
    "    common=(\n";

static const char ZSH_END[] =
    "    esac\n"
    "    if [[ -z $command && $PREFIX != -* ]]; then\n"
    "        _describe -t commands \"${group:-group}\" found\n"
    "        return\n"
    "    fi\n"
    "    # What _arguments sees begins with the last word that is known.\n"
    "    (( last > 1 )) && shift $(( last - 1 )) words && (( CURRENT -= last - 1 ))\n"
    "    _arguments $own $common '*::argument: '\n"
    "}\n"
    "if [[ $funcstack[1] == _gridctl ]]; then\n"
    "    _gridctl \"$@\"\n"
    "else\n"
    "    compdef _gridctl gridctl\n"
    "fi\n";

/* Text inside single quotes, in a place where brackets and colons mean something. */
static void zsh_text(struct buffer *out, const char *text)
{
    for (; *text != 0; text++) {
        if (*text == '\'')
            buffer_append_text(out, "'\\''");
        else if (strchr("[]:\\", *text) != NULL)
            buffer_append_format(out, "\\%c", *text);
        else
            buffer_append_u8(out, (uint8_t)*text);
    }
}

static void zsh_option(struct buffer *out, const struct option_row *option, const char *dashes, const char *name)
{
    bool is_long = strcmp(dashes, "--") == 0;
    buffer_append_format(out, "        '%s%s%s[", dashes, name, option->value == NULL ? "" : is_long ? "=" : "+");
    zsh_text(out, option->help);
    buffer_append_u8(out, ']');
    if (option->value != NULL) {
        buffer_append_u8(out, ':');
        zsh_text(out, option->value);
        buffer_append_text(out, is_file(option) ? ":_files" : is_choice(option) ? ":(" : ": ");
    }
    if (is_choice(option)) {
        put_words(out, option->value);
        buffer_append_u8(out, ')');
    }
    buffer_append_text(out, "'\n");
}

static void zsh_options(struct buffer *out, const struct option_row *option)
{
    for (; option != NULL && option->name != NULL; option++) {
        zsh_option(out, option, "--", option->name);
        if (option->letter != 0)
            zsh_option(out, option, "-", (const char[]){option->letter, 0});
    }
}

static void zsh_groups(struct buffer *out, const struct command_table *table)
{
    buffer_append_text(out, "    ' ') found=(");
    for (size_t i = 0; i < table->count; i++)
        if (first_of_group(table, i))
            buffer_append_format(out, " %s", table->rows[i].group);
    buffer_append_text(out, " ) ;;\n");
}

static void zsh_commands(struct buffer *out, const struct command_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        if (first_of_group(table, i))
            buffer_append_format(out, "%s    '%s ') found=(\n", i > 0 ? "    ) ;;\n" : "", table->rows[i].group);
        if (table->rows[i].name[0] == 0)
            continue;
        buffer_append_format(out, "        '%s:", table->rows[i].name);
        zsh_text(out, table->rows[i].summary);
        buffer_append_text(out, "'\n");
    }
    buffer_append_text(out, "    ) ;;\n");
    for (size_t i = 0; i < table->count; i++) {
        buffer_append_format(out, "    '%s %s') own=(\n", table->rows[i].group, table->rows[i].name);
        zsh_options(out, table->rows[i].options);
        buffer_append_text(out, "    ) ;;\n");
    }
}

int completion_zsh(struct ctl *ctl)
{
    const struct command_table *table = ctl->table;
    struct buffer *out = &ctl->out;
    buffer_append_text(out, ZSH_BEGIN);
    for (const struct option_row *option = table->common; option->name != NULL; option++)
        if (option->value != NULL)
            buffer_append_format(out, "        --%s%s%.1s) (( at++ )) ;;\n", option->name, option->letter != 0 ? " | -" : "", &option->letter);
    buffer_append_text(out, ZSH_WORDS);
    zsh_options(out, table->common);
    buffer_append_text(out, "    )\n    case \"$group $command\" in\n");
    zsh_groups(out, table);
    zsh_commands(out, table);
    buffer_append_text(out, ZSH_END);
    return EXIT_DONE;
}
