// SPDX-License-Identifier: Apache-2.0
// Each test writes the tokens of a text as one line: K(key) S(string) V(variable) B(bool)
// I(integer) F(float) D(date) N(include) { } [ ] and !(error) at the end, if any.
#include "core/config/lexer.h"

#include <gtest/gtest.h>

namespace nuring::config {
namespace {

constexpr int kTokensMax = 10000;

std::string tokens(std::string_view text) {
    Lexer lexer(text);
    std::string out;
    for (int i = 0; i < kTokensMax; ++i) {
        const Token token = lexer.next();
        switch (token.kind) {
            case TokenKind::kKey:
                out += "K(" + token.text + ")";
                break;
            case TokenKind::kString:
                out += "S(" + token.text + ")";
                break;
            case TokenKind::kVariable:
                out += "V(" + token.text + ")";
                break;
            case TokenKind::kBool:
                out += "B(" + token.text + ")";
                break;
            case TokenKind::kInteger:
                out += "I(" + token.text + ")";
                break;
            case TokenKind::kFloat:
                out += "F(" + token.text + ")";
                break;
            case TokenKind::kDatetime:
                out += "D(" + token.text + ")";
                break;
            case TokenKind::kInclude:
                out += "N(" + token.text + ")";
                break;
            case TokenKind::kMapStart:
                out += "{";
                break;
            case TokenKind::kMapEnd:
                out += "}";
                break;
            case TokenKind::kArrayStart:
                out += "[";
                break;
            case TokenKind::kArrayEnd:
                out += "]";
                break;
            case TokenKind::kEnd:
                return out;
            case TokenKind::kError:
                EXPECT_EQ(lexer.next().kind, TokenKind::kEnd) << "nothing comes after an error";
                return out + "!(" + token.text + ")";
        }
    }
    return out + "...";
}

// Only the error, with its place.
std::string lex_error(std::string_view text) {
    Lexer lexer(text);
    for (int i = 0; i < kTokensMax; ++i) {
        const Token token = lexer.next();
        if (token.kind == TokenKind::kEnd) return "";
        if (token.kind == TokenKind::kError) {
            return std::to_string(token.line) + ":" + std::to_string(token.column) + " " +
                   token.text;
        }
    }
    return "...";
}

TEST(LexerTest, EmptyTextsHoldNothing) {
    EXPECT_EQ(tokens(""), "");
    EXPECT_EQ(tokens(" \t\r\n\n"), "");
    EXPECT_EQ(tokens("# comment"), "");
    EXPECT_EQ(tokens("// comment\n  # another\n"), "");
    EXPECT_EQ(tokens("\xef\xbb\xbf# byte order mark\na=1"), "K(a)I(1)");
}

TEST(LexerTest, KeyAndValueMeetByEqualColonOrSpace) {
    for (const char* text :
         {"foo=bar", "foo = bar", "foo:bar", "foo : bar", "foo bar", "foo   bar  ", "foo\n=\tbar",
          "foo\n\nbar", "foo =bar\r\n", "foo\xc2\xa0=bar",
          "foo\xe2\x80\x83"
          "bar"}) {
        EXPECT_EQ(tokens(text), "K(foo)S(bar)") << text;
    }
}

TEST(LexerTest, NewLineBehindTheSeparatorIsAnErrorAtTopLevelOnly) {
    EXPECT_EQ(lex_error("foo =\nbar"), "1:6 Expected value but found new line");
    EXPECT_EQ(lex_error("foo: \r\nbar"), "1:6 Expected value but found new line");
    EXPECT_EQ(tokens("m { foo =\n\n bar }"), "K(m){K(foo)S(bar)}");
}

TEST(LexerTest, QuotedKeysHoldAnything) {
    EXPECT_EQ(tokens("'a b=c' = 1\n\"x:'y\" 2"), "K(a b=c)I(1)K(x:'y)I(2)");
    EXPECT_EQ(tokens("m { 'a b' = 1, \"c}d\": 2 }"), "K(m){K(a b)I(1)K(c}d)I(2)}");
    EXPECT_EQ(tokens("'a\\n' = 1"), "K(a\\n)I(1)");  // no escapes
    EXPECT_EQ(lex_error("'abc"), "1:5 Unexpected EOF.");
    EXPECT_EQ(lex_error("m { \"abc"), "1:9 Unexpected EOF.");
}

TEST(LexerTest, KeysKeepCaseDotsAndDashes) {
    EXPECT_EQ(tokens("Foo.Bar-baz_9 = 1"), "K(Foo.Bar-baz_9)I(1)");
    EXPECT_EQ(tokens("foo.* = 1\n> 2"), "K(foo.*)I(1)K(>)I(2)");
}

TEST(LexerTest, AKeyEndsByASpaceOrASeparatorAndByNoBrace) {
    for (const char* text : {"foo{ a = 1 }", "foo{\n a = 1\n}", "a { foo{} }"}) {
        EXPECT_NE(tokens(text).find("!(unknown field \"foo{\": a blank is missing before"), std::string::npos)
            << text;
    }
    EXPECT_EQ(tokens("'foo'{ a = 1 }"), "K(foo){K(a)I(1)}");
}

TEST(LexerTest, MapNeedsNoSeparator) {
    EXPECT_EQ(tokens("foo { a = 1 }"), "K(foo){K(a)I(1)}");
    EXPECT_EQ(tokens("foo = { a = 1 }"), "K(foo){K(a)I(1)}");
    EXPECT_EQ(tokens("foo\n{\n a = 1\n}\n"), "K(foo){K(a)I(1)}");
    EXPECT_EQ(tokens("foo {}"), "K(foo){}");
}

TEST(LexerTest, TopLevelItemsEndByNewLineSemicolonCommaBraceOrComment) {
    EXPECT_EQ(tokens("a=1\nb=2\r\nc=3;d=4,e=5 # x\nf=6 // y\ng=7}h=8"),
              "K(a)I(1)K(b)I(2)K(c)I(3)K(d)I(4)K(e)I(5)K(f)I(6)K(g)I(7)K(h)I(8)");
    EXPECT_EQ(lex_error("a=1 b=2"),
              "1:5 Expected a top-level value to end with a new line, comment or EOF, but got 'b' "
              "instead.");
    EXPECT_EQ(lex_error("a={} /"),
              "1:6 Expected a top-level value to end with a new line, comment or EOF, but got '/' "
              "instead.");
}

TEST(LexerTest, BracesAroundTheFileMeanNothing) {
    EXPECT_EQ(tokens("{ \"port\": 4222 }"), "K(port)I(4222)");
    EXPECT_EQ(tokens("{\n \"a\": 1,\n \"b\": {\"c\": true}\n}\n"), "K(a)I(1)K(b){K(c)B(true)}");
    EXPECT_EQ(tokens("{ a: 1"), "K(a)I(1)");
    EXPECT_EQ(tokens("a: 1 }"), "K(a)I(1)");
    EXPECT_EQ(tokens("{}"), "");
    EXPECT_EQ(tokens("a: {b: 1}\n}\n# end\n}\n"), "K(a){K(b)I(1)}");
}

TEST(LexerTest, ABraceOnItsOwnThatClosesNothingEndsTheFile) {
    EXPECT_EQ(lex_error("a: 1\n}\nb: 2"), "2:1 Unexpected '}': no map is open here");
    EXPECT_EQ(lex_error("}\na: {b: 1}"), "1:1 Unexpected '}': no map is open here");
    EXPECT_EQ(lex_error("{\n a: 1\n}\n;b: 2"), "3:1 Unexpected '}': no map is open here");
}

TEST(LexerTest, MapItemsEndByNewLineSemicolonOrComma) {
    EXPECT_EQ(tokens("m {a:1,b:2;c:3\nd:4 # x\n,}"),
              "K(m){K(a)I(1)K(b)I(2)K(c)I(3)K(d)I(4)!(Unexpected map value terminator \",\".)");
    EXPECT_EQ(tokens("m {a:1,b:2,}"), "K(m){K(a)I(1)K(b)I(2)}");
    EXPECT_EQ(tokens("m {a:1;}"), "K(m){K(a)I(1)}");
    EXPECT_EQ(tokens("m { # c\n a:1 // c\n // c\n}"), "K(m){K(a)I(1)}");
    EXPECT_EQ(lex_error("m {b:1 c:2}"),
              "1:8 Expected a map value terminator \",\" or a map terminator \"}\", but got 'c' "
              "instead.");
    EXPECT_EQ(lex_error("m {a:1,,b:2}"), "1:8 Unexpected map value terminator \",\".");
    EXPECT_EQ(lex_error("m {a:,}"), "1:6 Unexpected map value terminator \",\".");
    EXPECT_EQ(lex_error("m {a:1"), "1:7 Unexpected EOF processing map.");
    EXPECT_EQ(lex_error("m {a"), "1:5 Unexpected EOF processing map.");
    EXPECT_EQ(lex_error("m {"), "1:4 Unexpected EOF processing map.");
    EXPECT_EQ(lex_error("m { ] }"), "1:5 Unexpected array end ']' processing map.");
}

TEST(LexerTest, ArrayElementsEndByNewLineOrComma) {
    EXPECT_EQ(tokens("a [1,2]"), "K(a)[I(1)I(2)]");
    EXPECT_EQ(tokens("a [1, 2 ]"), "K(a)[I(1)I(2)]");
    EXPECT_EQ(tokens("a [1,2,]"), "K(a)[I(1)I(2)]");
    EXPECT_EQ(tokens("a [\n1\n2 # x\n // y\n3,\n]"), "K(a)[I(1)I(2)I(3)]");
    EXPECT_EQ(tokens("a []"), "K(a)[]");
    EXPECT_EQ(tokens("a [1k,1.5,-3,-1.5,3xyz,127.0.0.1,foo,true,[x],{a:b}]"),
              "K(a)[I(1k)F(1.5)I(-3)F(-1.5)S(3xyz)S(127.0.0.1)S(foo)B(true)[S(x)]{K(a)S(b)}]");
    EXPECT_EQ(lex_error("a [1 2]"),
              "1:6 Expected an array value terminator \",\" or an array terminator \"]\", but got "
              "'2' instead.");
    EXPECT_EQ(lex_error("a [1,,2]"), "1:6 Unexpected array value terminator ','.");
    EXPECT_EQ(lex_error("a [1"), "1:5 Unexpected EOF processing array.");
    EXPECT_EQ(lex_error("a ["), "1:4 Unexpected EOF processing array.");
}

TEST(LexerTest, RawStringsHaveNoEscapesAndSpanLines) {
    EXPECT_EQ(tokens("a = 'x\\n\"y\nz'"), "K(a)S(x\\n\"y\nz)");
    EXPECT_EQ(tokens("a = ''"), "K(a)S()");
    EXPECT_EQ(lex_error("a = 'x"), "1:7 Unexpected EOF.");
    EXPECT_EQ(lex_error("a = '"), "1:6 Unexpected EOF.");
}

TEST(LexerTest, QuotedStringsHaveEscapesAndSpanLines) {
    EXPECT_EQ(tokens("a = \"x\\t\\n\\r\\\"\\\\\\x41\ny\""), "K(a)S(x\t\n\r\"\\A\ny)");
    EXPECT_EQ(tokens("a = \"\""), "K(a)S()");
    EXPECT_EQ(tokens("a = \"true\"\nb = \"5\"\nc = \"$x\""), "K(a)S(true)K(b)S(5)K(c)S($x)");
    EXPECT_EQ(lex_error("a = \"x"), "1:7 Unexpected EOF.");
}

TEST(LexerTest, WrongEscapes) {
    EXPECT_EQ(lex_error("a = \"\\q\""),
              "1:7 Invalid escape character 'q'. Only the following escape characters are allowed: "
              "\\xXX, \\t, \\n, \\r, \\\", \\\\.");
    EXPECT_EQ(lex_error("a = \\q"),
              "1:6 Invalid escape character 'q'. Only the following escape characters are allowed: "
              "\\xXX, \\t, \\n, \\r, \\\", \\\\.");
    EXPECT_EQ(lex_error("a = \"\\xZZ\""),
              "1:7 Expected two hexadecimal digits after '\\x', but got 'ZZ'");
    EXPECT_EQ(lex_error("a = \"\\x4\n\""),
              "1:7 Expected two hexadecimal digits after '\\x', but hit end of line");
    EXPECT_EQ(lex_error("a = \\x"),
              "1:6 Expected two hexadecimal digits after '\\x', but hit end of line");
    EXPECT_EQ(lex_error("a = \"\\"),
              "1:7 Invalid escape character 'EOF'. Only the following escape characters are "
              "allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.");
}

TEST(LexerTest, UnquotedStringsKeepWhatUrlsAndSubjectsNeed) {
    EXPECT_EQ(tokens("a = nats://u:p@h:1\nb foo.>\nc: *.x=1\nd = foo#b\ne=foo // c"),
              "K(a)S(nats://u:p@h:1)K(b)S(foo.>)K(c)S(*.x=1)K(d)S(foo#b)K(e)S(foo)");
    EXPECT_EQ(tokens("a = fo\"o\"\nb = #Icl"), "K(a)S(fo\"o\")K(b)S(#Icl)");
    EXPECT_EQ(tokens("a = foo'\nb = true'"), "K(a)S(foo)K(b)S(true)");
    EXPECT_EQ(tokens("a = [x]\nm {b=y}"), "K(a)[S(x)]K(m){K(b)S(y)}");
    EXPECT_EQ(tokens("a = x\\ty"), "K(a)S(x\ty)");
    EXPECT_EQ(tokens("a = tr\\x75e\nb = \\x24x"), "K(a)S(true)K(b)S($x)");  // plain strings
}

TEST(LexerTest, BoolsInAnyCase) {
    EXPECT_EQ(tokens("a = true\nb YES\nc:On\nd=False,e=no;f=OFF"),
              "K(a)B(true)K(b)B(YES)K(c)B(On)K(d)B(False)K(e)B(no)K(f)B(OFF)");
    EXPECT_EQ(tokens("a = truely"), "K(a)S(truely)");
}

TEST(LexerTest, VariablesStartWithADollar) {
    EXPECT_EQ(tokens("a = $x\nb = x$y\nc [$p,$q]\nm {d:$z}"),
              "K(a)V(x)K(b)S(x$y)K(c)[V(p)V(q)]K(m){K(d)V(z)}");
    EXPECT_EQ(tokens("a = $2a$11$xyz./"), "K(a)V(2a$11$xyz./)");
}

TEST(LexerTest, Integers) {
    EXPECT_EQ(tokens("a=5\nb=-5\nc=08\nd=1k,e=2MB;f=3GiB\ng=1t # x"),
              "K(a)I(5)K(b)I(-5)K(c)I(08)K(d)I(1k)K(e)I(2MB)K(f)I(3GiB)K(g)I(1t)");
    EXPECT_EQ(tokens("a = 10s\nb = 3xyz\nc = 5#x\nd = 1e3\ne = 2m30s\nf = 1:2"),
              "K(a)S(10s)K(b)S(3xyz)K(c)S(5#x)K(d)S(1e3)K(e)S(2m30s)K(f)S(1:2)");
    EXPECT_EQ(lex_error("a = -"), "1:6 Expected a digit but got 'EOF'.");
    EXPECT_EQ(lex_error("a = -x"), "1:6 Expected a digit but got 'x'.");
    EXPECT_EQ(lex_error("a = -.5"), "1:6 Floats must start with a digit, not '.'.");
    EXPECT_EQ(lex_error("a = -5s"),
              "1:7 Expected a top-level value to end with a new line, comment or EOF, but got 's' "
              "instead.");
}

TEST(LexerTest, Floats) {
    EXPECT_EQ(tokens("a=1.5\nb=-1.25\nc=[2.5]\nd=1.5h"),
              "K(a)F(1.5)K(b)F(-1.25)K(c)[F(2.5)]K(d)S(1.5h)");
    EXPECT_EQ(lex_error("a = .5"), "1:5 Floats must start with a digit");
    EXPECT_EQ(lex_error("a = 5."),
              "1:7 Floats must have a digit after the '.', but got 'EOF' instead.");
    EXPECT_EQ(lex_error("a = 5.x"), "1:7 Floats must have a digit after the '.', but got 'x' instead.");
}

TEST(LexerTest, AddressesAreStrings) {
    EXPECT_EQ(tokens("a=127.0.0.1:4222\nb=0.0.0.0:-1\nc=:4222\nd=::1\ne=host:-1"),
              "K(a)S(127.0.0.1:4222)K(b)S(0.0.0.0:-1)K(c)S(:4222)K(d)S(::1)K(e)S(host:-1)");
    EXPECT_EQ(lex_error("a = 10.0.0.1/24"),
              "1:13 Expected a top-level value to end with a new line, comment or EOF, but got '/' "
              "instead.");
}

TEST(LexerTest, Dates) {
    EXPECT_EQ(tokens("a = 2016-05-04T18:53:41Z"), "K(a)D(2016-05-04T18:53:41Z)");
    EXPECT_EQ(lex_error("a = 123-4"), "1:8 All ISO8601 dates must be in full Zulu form.");
    EXPECT_EQ(lex_error("a = 2016-x"),
              "1:10 Expected digit in ISO8601 datetime, but found 'x' instead.");
    EXPECT_EQ(lex_error("a = 2016-05x"),
              "1:12 Expected '-' in ISO8601 datetime, but found 'x' instead.");
}

TEST(LexerTest, BlocksEndAtALineWithOnlyAParenthesis) {
    EXPECT_EQ(tokens("a (\nfoo\n)\nb = 1"), "K(a)S(\nfoo\n)K(b)I(1)");
    EXPECT_EQ(tokens("a = (x)\ny )\n)"), "K(a)S(x)\ny )\n)");
    EXPECT_EQ(tokens("a (\r\nfoo\r\n)\r\nb=1"), "K(a)S(\r\nfoo\r\n)K(b)I(1)");
    EXPECT_EQ(lex_error("a (foo)"), "1:8 Unexpected EOF processing block.");
}

TEST(LexerTest, IncludeIsAWordOnlyBeforeWhiteSpace) {
    EXPECT_EQ(tokens("include a.conf\ninclude 'b c'\nInclude \"d\"\nx=1"),
              "N(a.conf)N(b c)N(d)K(x)I(1)");
    EXPECT_EQ(tokens("m { include a.conf\n b = 1 }"), "K(m){N(a.conf)K(b)I(1)}");
    EXPECT_EQ(tokens("m { include a.conf}"), "K(m){N(a.conf)}");
    EXPECT_EQ(tokens("include=x\n'include' y"), "K(include)S(x)K(include)S(y)");
    constexpr std::string_view kFound = "1:9 Expected include value but found ";
    EXPECT_EQ(lex_error("include [a]"), std::string(kFound) + "start of an array");
    EXPECT_EQ(lex_error("include {a}"), std::string(kFound) + "start of a map");
    EXPECT_EQ(lex_error("include (a"), std::string(kFound) + "start of a block");
    EXPECT_EQ(lex_error("include 5"), std::string(kFound) + "start of a number");
    EXPECT_EQ(lex_error("include -5"), std::string(kFound) + "start of a number");
    EXPECT_EQ(lex_error("include \\x"), std::string(kFound) + "escape sequence");
    EXPECT_EQ(lex_error("include \n"), std::string(kFound) + "new line");
    EXPECT_EQ(lex_error("include 'x"), "1:11 Unexpected EOF.");
}

TEST(LexerTest, KeysWithoutValueAreErrors) {
    EXPECT_EQ(lex_error("a"), "1:2 key \"a\" has no value");
    EXPECT_EQ(lex_error("a ="), "1:4 key \"a\" has no value");
    EXPECT_EQ(lex_error("m { a }"), "1:7 key \"a\" has no value");
    EXPECT_EQ(lex_error("m {a}"), "1:5 key \"a\" has no value");
    EXPECT_EQ(lex_error("m {a:}"), "1:6 key \"a\" has no value");
    EXPECT_EQ(lex_error("a = ;"), "1:5 key \"a\" has no value");
    EXPECT_EQ(lex_error("= 5"), "1:1 Unexpected key separator '='");
    EXPECT_EQ(lex_error("m {\n : 5 }"), "2:2 Unexpected key separator ':'");
    EXPECT_EQ(lex_error("/ x"), "1:1 Unexpected '/': a comment starts with '//' or '#'");
}

TEST(LexerTest, PlacesAreLinesAndByteColumnsFromOne) {
    Lexer lexer("a = 1\n  \"b\" : [\n    x, 'y' ]\r\nm {\n c = d }");
    const auto expect = [&](TokenKind kind, int line, int column) {
        const Token token = lexer.next();
        EXPECT_EQ(token.kind, kind);
        EXPECT_EQ(token.line, line) << token.text;
        EXPECT_EQ(token.column, column) << token.text;
    };
    expect(TokenKind::kKey, 1, 1);
    expect(TokenKind::kInteger, 1, 5);
    expect(TokenKind::kKey, 2, 4);  // behind the quote
    expect(TokenKind::kArrayStart, 2, 9);
    expect(TokenKind::kString, 3, 5);
    expect(TokenKind::kString, 3, 9);
    expect(TokenKind::kArrayEnd, 3, 12);
    expect(TokenKind::kKey, 4, 1);
    expect(TokenKind::kMapStart, 4, 3);
    expect(TokenKind::kKey, 5, 2);
    expect(TokenKind::kString, 5, 6);
    expect(TokenKind::kMapEnd, 5, 8);
    expect(TokenKind::kEnd, 5, 9);
}

// Cutting a text anywhere must end in a token stream, never in a hang or a read past the end.
TEST(LexerTest, EveryPrefixEnds) {
    constexpr std::string_view kText =
        "listen: 127.0.0.1:4222 # c\n'k' = \"a\\x41\"\nm { a: [1, 2k, {b: $c}], d = 'e' }\n"
        "t = 2016-05-04T18:53:41Z\ninclude 'x'\nb (\n x\n)\nf -1.5\n";
    for (size_t size = 0; size <= kText.size(); ++size) {
        EXPECT_FALSE(tokens(kText.substr(0, size)).ends_with("...")) << size;
    }
}

}  // namespace
}  // namespace nuring::config
