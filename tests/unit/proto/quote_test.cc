// SPDX-License-Identifier: Apache-2.0
#include "proto/quote.h"

#include <gtest/gtest.h>

#include "proto/error_text.h"

namespace nuring::proto {
namespace {

TEST(QuoteTest, EscapesLikeGo) {
    const struct {
        std::string text;
        std::string_view quoted;
    } rows[] = {
        {"foo.bar", R"("foo.bar")"},
        {"", R"("")"},
        {"a\"b\\c'd", R"("a\"b\\c'd")"},
        {"\a\b\f\n\r\t\v", R"("\a\b\f\n\r\t\v")"},
        {std::string("\0\x01\x1f\x7f", 4), R"("\x00\x01\x1f\x7f")"},
        {"\xff\xc3(", R"("\xff\xc3(")"},
        {"gr\xc3\xbc\xc3\x9f \xe2\x98\xba \xf0\x9f\x98\x80",
         "\"gr\xc3\xbc\xc3\x9f \xe2\x98\xba \xf0\x9f\x98\x80\""},
        {"\xc2\x85\xc2\xa0\xc2\xad\xe2\x80\xa8\xef\xbb\xbf", R"("\u0085\u00a0\u00ad\u2028\ufeff")"},
        {"\xf3\xa0\x80\x81", R"("\U000e0001")"},
        {"\xed\xa0\x80", R"("\xed\xa0\x80")"},  // a surrogate
        {"\xc0\x80", R"("\xc0\x80")"},          // too long a form
        {"\xef\xbf\xbd", "\"\xef\xbf\xbd\""},
        {"\xe2\x98", R"("\xe2\x98")"},
    };
    for (const auto& row : rows) EXPECT_EQ(quote(row.text), row.quoted);
}

TEST(QuoteTest, QuotesOneByteAsARune) {
    EXPECT_EQ(quote_byte('x'), "'x'");
    EXPECT_EQ(quote_byte('\''), R"('\'')");
    EXPECT_EQ(quote_byte('"'), R"('"')");
    EXPECT_EQ(quote_byte('\n'), R"('\n')");
    EXPECT_EQ(quote_byte('\0'), R"('\x00')");
    EXPECT_EQ(quote_byte('\xe9'), "'\xc3\xa9'");
    EXPECT_EQ(quote_byte('\x85'), R"('\u0085')");
}

TEST(QuoteTest, ViolationsCarryTheQuotedSubject) {
    EXPECT_EQ(publish_violation("foo"), R"(Permissions Violation for Publish to "foo")");
    EXPECT_EQ(reply_violation("_R_.x"),
              R"(Permissions Violation for Publish with Reply of "_R_.x")");
    EXPECT_EQ(subscription_violation("a\"b"),
              R"(Permissions Violation for Subscription to "a\"b")");
    EXPECT_EQ(queue_violation({"foo", "q"}),
              R"(Permissions Violation for Subscription to "foo" using queue "q")");
    EXPECT_EQ(tokens_violation("a.b"),
              R"(Permissions Violation for Subscription to "a.b", too many tokens)");
    EXPECT_EQ(removed_violation({"foo", "1"}),
              R"(Permissions Violation for Subscription to "foo" (sid "1"))");
}

TEST(RedactTest, HidesEverySecret) {
    const struct {
        std::string_view line;
        std::string_view redacted;
    } rows[] = {
        {R"({"user":"derek","pass":"s3cr3t"})", R"({"user":"derek","pass":"[REDACTED]"})"},
        {R"({"user":"derek","pass":  "s3cr3t"})", R"({"user":"derek","pass":  "[REDACTED]"})"},
        {R"({"user":"derek","pass":""})", R"({"user":"derek","pass":"[REDACTED]"})"},
        {R"({"pass":"      "})", R"({"pass":"[REDACTED]"})"},
        {R"({"pass":    "s3cr3t"     })", R"({"pass":    "[REDACTED]"     })"},
        {R"({"pass":"s3cr3t",})", R"({"pass":"[REDACTED]",})"},
        {"{pass:s3cr3t ,   password =  s3cr3t}", "{pass:[REDACTED],   password =  [REDACTED]}"},
        {"{pass:s3cr3t ,   password=  s3cr3t}", "{pass:[REDACTED],   password=  [REDACTED]}"},
        {R"({"pass":"s3cr3t4", "password": "s3cr3t4"})",
         R"({"pass":"[REDACTED]", "password": "[REDACTED]"})"},
        {"{user = hello, password =  s3cr3t}", "{user = hello, password =  [REDACTED]}"},
        {"{pass:s3cr3t\r\n", "{pass:[REDACTED]\r\n"},
        {R"({"pass":"secret password which is long",})", R"({"pass":"[REDACTED]",})"},
        {R"({"user":"s3cr3t","pass":"s3cr3t","name":"s3cr3t"})",
         R"({"user":"s3cr3t","pass":"[REDACTED]","name":"s3cr3t"})"},
        {R"({pass = "AAA",pass= "BBB",password ="CCC"})",
         R"({pass = "[REDACTED]",pass= "[REDACTED]",password ="[REDACTED]"})"},
        {R"({"auth_token":"s3cr3t","verbose":true})",
         R"({"auth_token":"[REDACTED]","verbose":true})"},
        {"{auth_token:s3cr3t ,   password =  s3cr3t}",
         "{auth_token:[REDACTED],   password =  [REDACTED]}"},
        {R"({"sig":"signature","user":"foo"})", R"({"sig":"[REDACTED]","user":"foo"})"},
        {R"({"nkey":"nkey","user":"foo"})", R"({"nkey":"[REDACTED]","user":"foo"})"},
        {R"({"proxy_sig":"p","sig":"s"})", R"({"proxy_sig":"[REDACTED]","sig":"[REDACTED]"})"},
        {R"({"sig":"s","proxy_sig":"p"})", R"({"sig":"[REDACTED]","proxy_sig":"[REDACTED]"})"},
        {R"({"name":"foo sig:bar","sig":"REAL"})",
         R"({"name":"foo sig:[REDACTED]","sig":"[REDACTED]"})"},
        {"sig=abc", "sig=[REDACTED]"},
        {R"({"name":"unterminated,"sig":"abc"})", R"({"name":"unterminated,"sig":"[REDACTED]"})"},
        {R"({"PASS":"s3cr3t","Sig":"x"})", R"({"PASS":"[REDACTED]","Sig":"[REDACTED]"})"},
        {R"({"signature":"x","my_sig":"y"})", R"({"signature":"x","my_sig":"y"})"},
        {R"({"user":"compass"})", R"({"user":"compass"})"},
        {R"({"pass":"a,b}c","user":"u"})", R"({"pass":"[REDACTED]","user":"u"})"},
        {R"({"pass":"a\"b\\","user":"u"})", R"({"pass":"[REDACTED]","user":"u"})"},
        {R"({"pass":"cut off, in the middle)", R"({"pass":"[REDACTED])"},
        {R"({"p\u0061ss":"s3cr3t"})", "[REDACTED]"},
        {R"({"jwt":"eyJ0eXAi.x.y","my_jwt":"z"})", R"({"jwt":"[REDACTED]","my_jwt":"z"})"},
        {R"({"pass":["s3cr3t"],"user":"u"})", R"({"pass":[REDACTED])"},
        {R"({"user":"u","auth_token":{"a":"s3cr3t"}})", R"({"user":"u","auth_token":[REDACTED])"},
        {R"({"jwt": [["s3cr3t"]]})", R"({"jwt": [REDACTED])"},
        {R"({"pass":"[s3cr3t","user":"u"})", R"({"pass":"[REDACTED]","user":"u"})"},
        {"", ""},
        {"pass", "pass"},
        {"pass :", "pass :[REDACTED]"},
    };
    for (const auto& row : rows) EXPECT_EQ(redact(row.line), row.redacted) << row.line;
}

}  // namespace
}  // namespace nuring::proto
