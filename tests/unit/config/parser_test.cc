// SPDX-License-Identifier: Apache-2.0
// Trees are compared as one line of text: maps {key:value,...}, arrays [..], strings quoted.
#include "core/config/parser.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace nuring::config {
namespace {

using testing::HasSubstr;

std::string dump(const Value& value) {
    std::string out;
    switch (value.type) {
        case ValueType::kString:
            return "\"" + value.text + "\"";
        case ValueType::kInteger:
            return std::to_string(value.integer);
        case ValueType::kFloat:
            return fmt::format("{}", value.number);
        case ValueType::kBool:
            return value.boolean ? "true" : "false";
        case ValueType::kDatetime:
            return value.text;
        case ValueType::kArray:
            for (const Value& element : value.elements)
                out += (out.empty() ? "" : ",") + dump(element);
            return "[" + out + "]";
        case ValueType::kMap:
            for (const Member& member : value.members) {
                out += (out.empty() ? "" : ",") + member.key + ":" + dump(member.value);
            }
            return "{" + out + "}";
    }
    return out;
}

// Files and environment in memory.
struct World {
    std::map<std::string, std::string> files;
    std::map<std::string, std::string> environment;

    Sources sources() const {
        return {[this](const std::string& path) -> absl::StatusOr<std::string> {
                    const auto found = files.find(path);
                    if (found != files.end()) return found->second;
                    return absl::NotFoundError("open " + path + ": no such file or directory");
                },
                [this](const std::string& name) -> std::optional<std::string> {
                    const auto found = environment.find(name);
                    if (found == environment.end()) return std::nullopt;
                    return found->second;
                }};
    }

    std::optional<Value> tree(const std::string& path, Diagnostics* diagnostics) const {
        return parse_file(path, sources(), diagnostics);
    }

    // The tree, or "!" and what is wrong.
    std::string parse(const std::string& path) const {
        Diagnostics diagnostics;
        const std::optional<Value> root = tree(path, &diagnostics);
        EXPECT_EQ(root.has_value(), !diagnostics.has_errors());
        return root ? dump(*root) : "!" + diagnostics.to_string();
    }
};

std::string parse(std::string text) {
    World world;
    world.files["a.conf"] = std::move(text);
    return world.parse("a.conf");
}

TEST(ParserTest, ValuesOfEveryType) {
    EXPECT_EQ(parse("a=1\nb=-2.5\nc=yes\nd=x\ne=[1,[],{}]\nf {g: off}\nh=2016-05-04T18:53:41Z"),
              "{a:1,b:-2.5,c:true,d:\"x\",e:[1,[],{}],f:{g:false},h:2016-05-04T18:53:41Z}");
}

TEST(ParserTest, JsonIsAcceptedAsItIs) {
    EXPECT_EQ(
        parse("{\n  \"port\": 4222,\n  \"list\": [1, 2, {\"a\": \"b\"}],\n  \"t\": true\n}\n"),
        "{port:4222,list:[1,2,{a:\"b\"}],t:true}");
}

TEST(ParserTest, IntegerSuffixes) {
    EXPECT_EQ(parse("a=1k,b=1kb,c=1KiB,d=1ki,e=2m,f=2MB,g=1g,h=1Gb,i=1t,j=1tb,k=1p,l=1pib,m=1e"),
              "{a:1000,b:1024,c:1024,d:1024,e:2000000,f:2097152,g:1000000000,h:1073741824,"
              "i:1000000000000,j:1099511627776,k:1000000000000000,l:1125899906842624,"
              "m:1000000000000000000}");
    EXPECT_EQ(parse("a=-1k"), "{a:-1000}");
    EXPECT_EQ(parse("a=1kbb"), "!a.conf:1:2: unknown suffix 'kbb' of integer '1kbb'\n");
    EXPECT_EQ(parse("a=1kbi"), "!a.conf:1:2: unknown suffix 'kbi' of integer '1kbi'\n");
}

TEST(ParserTest, NumbersOutOfRange) {
    EXPECT_EQ(parse("a=9223372036854775807"), "{a:9223372036854775807}");
    EXPECT_EQ(parse("a=9223372036854775808"),
              "!a.conf:1:2: integer '9223372036854775808' is out of the range\n");
    EXPECT_EQ(parse("a=9223372036854775807k"),
              "!a.conf:1:2: integer '9223372036854775807k' is out of the range\n");
    EXPECT_EQ(parse("a=1" + std::string(400, '0') + ".5").substr(0, 21), "!a.conf:1:2: float '1");
}

TEST(ParserTest, LaterDuplicateWinsPerSpelling) {
    EXPECT_EQ(parse("a=1\nb=2\na=3\nA=4"), "{b:2,a:3,A:4}");
    EXPECT_EQ(parse("m {a=1,a=2,a=3,b=4}"), "{m:{a:3,b:4}}");
}

TEST(ParserTest, PlacesAreThoseOfKeysAndElements) {
    World world;
    world.files["d/a.conf"] = "a = 1\n  m { b: [x,\n {c: 1}]}\n";
    Diagnostics diagnostics;
    const auto root = world.tree("d/a.conf", &diagnostics);
    ASSERT_TRUE(root.has_value());
    EXPECT_EQ(root->find("a")->position(), (Position{"d/a.conf", 1, 1}));
    const Value* list = root->find("m")->find("b");
    EXPECT_EQ(list->position(), (Position{"d/a.conf", 2, 7}));
    EXPECT_EQ(list->elements[0].position(), (Position{"d/a.conf", 2, 11}));
    EXPECT_EQ(list->elements[1].position(), (Position{"d/a.conf", 3, 2}));
}

TEST(ParserTest, SyntaxErrorsStopWithTheirPlace) {
    EXPECT_EQ(parse("a = 1\nb = [1 2]"),
              "!a.conf:2:8: Expected an array value terminator \",\" or an array terminator \"]\", "
              "but got '2' instead.\n");
}

// ---------------------------------------------------------------------------- variables

TEST(ParserTest, VariablesAreFoundInOpenMapsFromTheInnermostOutward) {
    EXPECT_EQ(parse("x = 22\na = $x"), "{x:22,a:22}");
    EXPECT_EQ(parse("x = 1\nm { x = 2, a = $x, n { b = $x } }\nc = $x"),
              "{x:1,m:{x:2,a:2,n:{b:2}},c:1}");
    EXPECT_EQ(parse("x = 1\na = [$x, [$x], {b: $x}]"), "{x:1,a:[1,[1],{b:1}]}");
}

TEST(ParserTest, VariablesKeepTheirTypes) {
    EXPECT_EQ(parse("x = {a: [1, true]}\ny = $x\nz = [$x]"),
              "{x:{a:[1,true]},y:{a:[1,true]},z:[{a:[1,true]}]}");
}

TEST(ParserTest, SiblingsAndLaterKeysAreNotVisible) {
    EXPECT_EQ(parse("m { x = 1 }\na = $x"),
              "!a.conf:2:5: variable reference for 'x' on line 2 can not be found\n");
    EXPECT_EQ(parse("a = $x\nx = 1"),
              "!a.conf:1:4: variable reference for 'x' on line 1 can not be found\n");
    EXPECT_EQ(parse("X = 1\na = $x"),
              "!a.conf:2:5: variable reference for 'x' on line 2 can not be found\n");
    EXPECT_EQ(parse("a = $a"),
              "!a.conf:1:4: variable reference for 'a' on line 1 can not be found\n");
}

TEST(ParserTest, TextWithADollarInsideIsPlain) {
    EXPECT_EQ(parse("x = 1\na = x$x\nb = \"$x\"\nc = '$x'"), "{x:1,a:\"x$x\",b:\"$x\",c:\"$x\"}");
}

TEST(ParserTest, BcryptHashesAreNoReferences) {
    EXPECT_EQ(parse("a = $2a$11$W2zko751KUvVy59mUTWmpO"), "{a:\"$2a$11$W2zko751KUvVy59mUTWmpO\"}");
    EXPECT_EQ(parse("a = $2b$11$x\nb = $2y$11$x"), "{a:\"$2b$11$x\",b:\"$2y$11$x\"}");
    EXPECT_THAT(parse("a = $2z$11$x"), HasSubstr("can not be found"));
}

TEST(ParserTest, UsedVariablesAreMarked) {
    World world;
    world.files["a.conf"] = "x = 1\ny = 2\na = $x\nm { z = 3, b = $z }";
    Diagnostics diagnostics;
    const auto root = world.tree("a.conf", &diagnostics);
    ASSERT_TRUE(root.has_value());
    EXPECT_TRUE(root->find("x")->used_as_variable);
    EXPECT_FALSE(root->find("y")->used_as_variable);
    EXPECT_FALSE(root->find("a")->used_as_variable);
    EXPECT_TRUE(root->find("m")->find("z")->used_as_variable);
    EXPECT_EQ(root->find("a")->line, 3);
}

TEST(ParserTest, EnvironmentComesLastAndIsParsed) {
    World world;
    world.environment = {{"N", "42"}, {"T", "true"},  {"S", "'3xyz'"}, {"L", "[1, 2]"}, {"O", "$N"},
                         {"E", ""},   {"BAD", "a b"}, {"UP", "$x"},    {"H", "$2a$1$y"}};
    world.files["a.conf"] = "a=$N\nb=$T\nc=$S\nd=$L\ne=$O\nf=$E\ng=$H";
    EXPECT_EQ(world.parse("a.conf"), "{a:42,b:true,c:\"3xyz\",d:[1,2],e:42,f:\"\",g:\"$2a$1$y\"}");
    world.files["a.conf"] = "N = 1\na = $N";
    EXPECT_EQ(world.parse("a.conf"), "{N:1,a:1}");
    world.files["a.conf"] = "a = $BAD";
    EXPECT_EQ(world.parse("a.conf"),
              "!a.conf:1:4: variable reference for 'BAD' on line 1 could not be parsed: Expected a "
              "top-level value to end with a new line, comment or EOF, but got 'b' instead.\n");
    // The text of the environment does not see the keys of the file.
    world.files["a.conf"] = "x = 1\na = $UP";
    EXPECT_THAT(world.parse("a.conf"), HasSubstr("variable reference for 'x'"));
}

TEST(ParserTest, EnvironmentCyclesEnd) {
    World world;
    world.environment = {{"A", "$B"}, {"B", "$A"}};
    world.files["a.conf"] = "a = $A";
    EXPECT_THAT(world.parse("a.conf"), HasSubstr("variable reference cycle for 'A'"));
    for (int i = 0; i < 100; ++i) {
        world.environment["V" + std::to_string(i)] = "$V" + std::to_string(i + 1);
    }
    world.files["a.conf"] = "a = $V0";
    EXPECT_THAT(world.parse("a.conf"), HasSubstr("nested too deep"));
}

// ---------------------------------------------------------------------------- include

TEST(ParserTest, IncludesPutTheirKeysIntoTheCurrentMap) {
    World world;
    world.files["d/a.conf"] = "a = 1\ninclude b.conf\nm { include sub/c.conf }\nd = $b\n";
    world.files["d/b.conf"] = "b = 2\na = 3";
    world.files["d/sub/c.conf"] = "c = 4\ninclude ../b.conf";
    EXPECT_EQ(world.parse("d/a.conf"), "{b:2,a:3,m:{c:4,b:2,a:3},d:2}");
}

TEST(ParserTest, IncludesHaveTheirOwnScope) {
    World world;
    world.files["a.conf"] = "x = 1\ninclude b.conf";
    world.files["b.conf"] = "y = $x";
    EXPECT_EQ(
        world.parse("a.conf"),
        "!a.conf:2:9: error parsing include file 'b.conf', b.conf:1:4: variable reference for "
        "'x' on line 1 can not be found\n");
}

TEST(ParserTest, IncludedValuesKeepTheirPlace) {
    World world;
    world.files["d/a.conf"] = "include ./b.conf";
    world.files["d/b.conf"] = "\n b = 2";
    Diagnostics diagnostics;
    const auto root = world.tree("d/a.conf", &diagnostics);
    EXPECT_EQ(root->find("b")->position(), (Position{"d/b.conf", 2, 2}));
}

TEST(ParserTest, IncludeErrorsNameTheFile) {
    World world;
    world.files["/x/a.conf"] = "include 'no such.conf'";
    EXPECT_EQ(
        world.parse("/x/a.conf"),
        "!/x/a.conf:1:9: error parsing include file 'no such.conf', open /x/no such.conf: no "
        "such file or directory\n");
}

TEST(ParserTest, AbsoluteIncludesAreLookedForBelowFirst) {
    World world;
    world.files["/x/a.conf"] = "include /etc/b.conf";
    world.files["/etc/b.conf"] = "b = absolute";
    EXPECT_EQ(world.parse("/x/a.conf"), "{b:\"absolute\"}");
    world.files["/x/etc/b.conf"] = "b = below";
    EXPECT_EQ(world.parse("/x/a.conf"), "{b:\"below\"}");
}

TEST(ParserTest, IncludeCyclesEnd) {
    World world;
    world.files["a.conf"] = "include b.conf";
    world.files["b.conf"] = "include ./a.conf";
    EXPECT_THAT(world.parse("a.conf"), HasSubstr("include cycle: a.conf includes itself"));
    world.files["a.conf"] = "include a.conf";
    EXPECT_THAT(world.parse("a.conf"), HasSubstr("include cycle"));
}

TEST(ParserTest, IncludeDepthAndCountAreLimited) {
    World world;
    for (int i = 0; i < 40; ++i) {
        world.files[fmt::format("{}.conf", i)] = fmt::format("include '{}.conf'", i + 1);
    }
    EXPECT_THAT(world.parse("0.conf"), HasSubstr("too many files include each other"));
    // Two includes per level: a tree of 2^15 files.
    for (int i = 0; i < 15; ++i) {
        world.files[fmt::format("{}.conf", i)] =
            fmt::format("include '{}.conf'\ninclude '{}.conf'", i + 1, i + 1);
    }
    world.files["15.conf"] = "a = 1";
    EXPECT_THAT(world.parse("0.conf"), HasSubstr("too many files include each other"));
}

// ---------------------------------------------------------------------------- odd inputs

TEST(ParserTest, MissingFile) {
    EXPECT_EQ(World{}.parse("no.conf"), "!open no.conf: no such file or directory\n");
}

TEST(ParserTest, EmptyFileIsAWarning) {
    World world;
    world.files["a.conf"] = " \n";
    Diagnostics diagnostics;
    EXPECT_TRUE(world.tree("a.conf", &diagnostics).has_value());
    EXPECT_EQ(diagnostics.to_string(), "a.conf: config has no values or is empty\n");
    for (const char* text : {"# only comments\n", "{}"}) {
        world.files["a.conf"] = text;
        Diagnostics found;
        EXPECT_TRUE(world.tree("a.conf", &found).has_value());
        EXPECT_EQ(found.to_string(), "a.conf: config has no values or is empty\n") << text;
    }
}

TEST(ParserTest, BinaryFileIsRefused) {
    EXPECT_EQ(parse(std::string("a = 1\nb\0c", 9)),
              "!a.conf:2:2: not a text file: it holds a zero byte\n");
    EXPECT_EQ(parse(std::string("\x7f"
                                "ELF\0",
                                5)),
              "!a.conf:1:4: not a text file: it holds a zero byte\n");
}

TEST(ParserTest, NestingIsLimited) {
    const auto nested = [](size_t depth) {
        return "a = " + std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_TRUE(parse(nested(kNestingMax)).starts_with("{a:[["));
    EXPECT_EQ(parse(nested(kNestingMax + 1)), "!a.conf:1:68: nested deeper than 64 levels\n");
    EXPECT_THAT(parse("a = " + std::string(1000000, '[')), HasSubstr("nested deeper"));
    std::string maps;
    for (int i = 0; i < 100000; ++i) maps += "m {";
    EXPECT_THAT(parse(maps), HasSubstr("nested deeper"));
}

TEST(ParserTest, VariablesCannotMultiplyWithoutEnd) {
    std::string text = "v0 = xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n";
    for (int i = 1; i < 40; ++i) {
        text += fmt::format("v{} = [$v{},$v{},$v{},$v{}]\n", i, i - 1, i - 1, i - 1, i - 1);
    }
    EXPECT_THAT(parse(text), HasSubstr("variables repeat too much"));
}

TEST(ParserTest, HugeFilesAreRefused) {
    EXPECT_THAT(parse(std::string(kSourceBytesMax + 1, '#')), HasSubstr("configuration is larger"));
    EXPECT_EQ(parse("a = \"" + std::string(1 << 20, 'x') + "\"").size(), (1U << 20) + 6);
}

TEST(ParserTest, ManyKeysStayFast) {
    std::string text;
    for (int i = 0; i < 100000; ++i) text += fmt::format("k{} = 1\n", i % 50000);
    EXPECT_TRUE(parse(text).starts_with("{k0:1,"));
}

TEST(SourceTest, RealFilesFailInWords) {
    const Sources sources = system_sources();
    EXPECT_EQ(sources.read_file("/no/such/file").status().message(),
              "open /no/such/file: no such file or directory");
    EXPECT_EQ(sources.read_file("/").status().message(), "read /: is a directory");
    EXPECT_TRUE(sources.read_file("/dev/null").ok());
    EXPECT_THAT(std::string(sources.read_file("/dev/zero").status().message()),
                HasSubstr("larger than"));
    EXPECT_FALSE(sources.environment("NURING_SURELY_NOT_SET").has_value());
    EXPECT_TRUE(sources.environment("PATH").has_value());
}

}  // namespace
}  // namespace nuring::config
