/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses in what a model says. A picture is fetched as soon as it is shown,
 * and takes with it whatever was put into its address: that is how an order
 * hidden in a document brings a conversation to a stranger (OWASP, "LLM05:2025
 * Improper Output Handling").
 *
 * An address is what a browser or a Markdown renderer would follow: CommonMark
 * 0.31, 6.3 and 6.4; HTML's attributes of elements that load.
 */
#include <string.h>

#include "base/internal.h"
#include "base/str.h"
#include "guard/rule.h"

/* What an address goes on with: in Markdown and in plain text; between the
 * quotes of HTML, where a browser leaves out line ends. */
#define REST      "[^\\s<>\"'`)\\]}|^]"
#define REST_HTML "[^ <>\"'`]"
/* "https:host" and "https:\\host" lead there, too; "//host" with the page's own
 * scheme. The tail has the most of it. */
#define ADDRESS(rest) \
    "(?:(?:https?|ftp|wss?):[/\\\\]{0,8}|[/\\\\]{2,8})" rest "{1,40}"

#define RULE(kind, shape, more, how_bad)                                 \
    {                                                                    \
        .name = "url." kind, .pattern = shape, .tail = more, .sure = 95, \
        .sure_in_context = 95, .severity = LLMP_GUARD_##how_bad,         \
        .label = "URL", .flags = LLMP_RULE_CASELESS                      \
    }

/* "![alt](": of a text that begins too far away nobody knows. */
static bool is_picture(const struct llmp_rule_match *m)
{
    for (size_t i = m->before.len; i > 0; i--) {
        char c = m->before.ptr[i - 1];

        if (c == '[')
            return i > 1 && m->before.ptr[i - 2] == '!';
        if (c == '\n' && i > 1 && m->before.ptr[i - 2] == '\n')
            return false; /* no text of a link has an empty line */
    }
    return m->before.len == LLMP_RULE_BEFORE;
}

static const struct llmp_rule items[] = {
    /* ![alt](address "title"), ![alt](<address>) */
    { .name = "url.image",
      .pattern = "\\]\\(\\s{0,4}<?(" ADDRESS(REST) ")",
      .tail = REST,
      .valid = is_picture,
      .sure = 95,
      .sure_in_context = 95,
      .severity = LLMP_GUARD_HIGH,
      .label = "URL" },
    /* ![alt][1] … [1]: address */
    RULE("image", "\\]:\\s{1,4}<?(" ADDRESS(REST) ")", REST, HIGH),
    /* An element that loads what an attribute of its names. */
    RULE("image",
         "\\b(?:src|srcset|data|poster|background)\\s{0,3}=\\s{0,3}[\"']?"
         "(" ADDRESS(REST_HTML) ")",
         REST_HTML, HIGH),
    RULE("image",
         "<(?:link|use|image|base)\\b[^>]{0,40}?\\bhref\\s{0,3}=\\s{0,3}[\"']?"
         "(" ADDRESS(REST_HTML) ")",
         REST_HTML, HIGH),
    RULE("image", "\\burl\\(\\s{0,3}[\"']?(" ADDRESS(REST_HTML) ")", REST_HTML,
         HIGH),
    RULE("link",
         "(?<![\\w:/\\\\])((?:https?|ftp|wss?):[/\\\\]{1,8}" REST "{1,40})",
         REST, MEDIUM),
    RULE("script", "\\b((?:javascript|vbscript):" REST "{1,40})", REST, HIGH),
};

const struct llmp_rules llmp_rules_urls = { items, LLMP_COUNT(items) };

static bool is_slash(char c)
{
    return c == '/' || c == '\\';
}

/* Behind "https:", if there is a scheme. */
static size_t skip_scheme(struct llmp_str url)
{
    size_t at = 0;

    while (at < url.len && llmp_lower(url.ptr[at]) >= 'a' &&
           llmp_lower(url.ptr[at]) <= 'z')
        at++;
    return at < url.len && url.ptr[at] == ':' ? at + 1 : 0;
}

/* What stands in a host's name, and in nothing that would be read as something
 * else: a "\@" is an "@" in Markdown, "&sol;" a slash in HTML. */
static bool is_plain(struct llmp_str host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = llmp_lower(host.ptr[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              memchr(".-_:[]", c, 6)))
            return false;
    }
    return host.len > 0;
}

struct llmp_str llmp_url_host(struct llmp_str url)
{
    size_t begin = skip_scheme(url), end;
    struct llmp_str host;

    while (begin < url.len && is_slash(url.ptr[begin]))
        begin++;
    for (end = begin; end < url.len; end++)
        if (url.ptr[end] == '/' || url.ptr[end] == '?' || url.ptr[end] == '#')
            break;
    for (size_t i = begin; i < end; i++)
        if (url.ptr[i] == '\\')
            return (struct llmp_str){ url.ptr, 0 };
    for (size_t i = begin; i < end; i++)
        if (url.ptr[i] == '@')
            begin = i + 1;
    host = (struct llmp_str){ url.ptr + begin, end - begin };
    if (!is_plain(host))
        return (struct llmp_str){ url.ptr, 0 };
    for (end = host.len;
         end > 0 && host.ptr[end - 1] >= '0' && host.ptr[end - 1] <= '9';)
        end--;
    if (end > 0 && host.ptr[end - 1] == ':')
        host.len = end - 1;
    if (host.len && host.ptr[host.len - 1] == '.')
        host.len--;
    return host;
}
