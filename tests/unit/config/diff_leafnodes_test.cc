// SPDX-License-Identifier: Apache-2.0
#include "core/config/diff_leafnodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/config/read_support.h"

namespace nuring::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> leafnode_changes(const std::string& before, const std::string& after) {
    const auto read = [](const std::string& inside) {
        Options options = options_of("leafnodes { " + inside + " }");
        complete(&options);
        return options.leafnodes;
    };
    std::vector<Change> found;
    compare_leafnodes(read(before), read(after), &found);
    std::vector<std::string> texts;
    for (const Change& change : found) texts.push_back(change.text);
    return texts;
}

constexpr const char* kRemote = "remotes: [{url: \"nats://a:1\"}]";

TEST(DiffLeafnodesTest, NothingIsNoChange) {
    EXPECT_THAT(leafnode_changes(kRemote, kRemote), IsEmpty());
}

TEST(DiffLeafnodesTest, TheListenerIsFixed) {
    EXPECT_THAT(leafnode_changes("port: 1", "port: 2"),
                ElementsAre("config reload not supported for LeafNode: field \"Port\": old=1, new=2"));
    EXPECT_THAT(leafnode_changes("port: 1, authorization {user: a, password: b}",
                        "port: 1, authorization {user: a, password: c}"),
                ElementsAre("config reload not supported for LeafNode: field \"Password\": "
                            "old=[REDACTED], new=[REDACTED]"));
}

TEST(DiffLeafnodesTest, RemotesComeAndGo) {
    EXPECT_THAT(leafnode_changes(kRemote, ""),
                ElementsAre("Reloaded: LeafNode Remote urls=[\"nats://a:1\"], account=\"$G\" removed"));
    EXPECT_THAT(leafnode_changes("", kRemote),
                ElementsAre("Reloaded: LeafNode Remote urls=[\"nats://a:1\"], account=\"$G\" added"));
    EXPECT_THAT(leafnode_changes(kRemote, "remotes: [{url: \"nats://a:1\", disabled: true}]"),
                ElementsAre("Reloaded: LeafNode Remote urls=[\"nats://a:1\"], account=\"$G\" Disabled "
                            "value is: true"));
    EXPECT_THAT(leafnode_changes(kRemote, "remotes: [{url: \"nats://a:1\", compression: s2_fast}]"),
                ElementsAre("Reloaded: LeafNode Remote urls=[\"nats://a:1\"], account=\"$G\" "
                            "Compression value is: {s2_fast []}"));
    // Another password is another remote.
    EXPECT_THAT(leafnode_changes("remotes: [{url: \"nats://u:p@a:1\"}]", "remotes: [{url: \"nats://u:q@a:1\"}]"),
                ElementsAre("Reloaded: LeafNode Remote urls=[\"nats://u:xxxxx@a:1\"], account=\"$G\" "
                            "removed",
                            "Reloaded: LeafNode Remote urls=[\"nats://u:xxxxx@a:1\"], account=\"$G\" "
                            "added"));
}

TEST(DiffLeafnodesTest, WhenTlsBeginsHasTwoLines) {
    const std::string tls = "port: 1, tls {cert_file: c, key_file: k, handshake_first: ";
    EXPECT_THAT(leafnode_changes(tls + "false}", tls + "true}"),
                ElementsAre("Reloaded: LeafNode TLS HandshakeFirst value is: true",
                            "Reloaded: LeafNode TLS HandshakeFirstFallback value is: 0s"));
    EXPECT_THAT(leafnode_changes(tls + "true}", tls + "'50ms'}"),
                ElementsAre("Reloaded: LeafNode TLS HandshakeFirst value is: true",
                            "Reloaded: LeafNode TLS HandshakeFirstFallback value is: 50ms"));
}

TEST(DiffLeafnodesTest, ATlsBlockThatChangesTheTimeToLogInIsNamed) {
    EXPECT_THAT(leafnode_changes("port: 1", "port: 1, tls {cert_file: c, key_file: k}"),
                testing::Contains("config reload not supported for LeafNode: field \"TLS\": old=none, new=given"));
}

TEST(DiffLeafnodesTest, TheRestOfARemoteIsFixed) {
    EXPECT_THAT(leafnode_changes(kRemote, "remotes: [{url: \"nats://a:1\", deny_imports: x}]"),
                ElementsAre("config reload not supported for LeafNode: remote urls=[\"nats://a:1\"], "
                            "account=\"$G\": field \"DenyImports\": old=[], new=[x]"));
}

}  // namespace
}  // namespace nuring::config
