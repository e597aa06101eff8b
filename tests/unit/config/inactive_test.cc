// SPDX-License-Identifier: Apache-2.0
// What is not built: gone without where that opens nothing, refused where it does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/config/inactive.h"
#include "tests/unit/config/read_support.h"

namespace nuring::config {
namespace {

using testing::HasSubstr;

// Each asks for a part that decides who enters, or what is shown. A file that loses its row here has to
// be shown to work elsewhere.
TEST(InactiveTest, WhatWouldOpenSomethingIsRefused) {
    const struct {
        Part part;
        std::string text;
    } files[] = {
        {Part::kAuthCallout, "authorization { auth_callout { issuer: A, users: [a] } }"},
        {Part::kAuthCallout, "authorization { auth_hook { issuer: A, users: [a] } }"},
        {Part::kProxyRequired, "authorization { user: a, password: b, proxy_required: true }"},
        {Part::kProxyRequired, "authorization { users: [{user: a, proxy_required: true}] }"},
        {Part::kProxyRequired, "accounts { A { users: [{user: a, proxy_required: true}] } }"},
        {Part::kProxyRequired, "leafnodes { authorization { proxy_required: true } }"},
        {Part::kProxyRequired, "leafnodes { authorization { users: [{user: a, proxy_required: true}] } }"},
        {Part::kProxies, "proxies { trusted: [{key: UABC}] }"},
        {Part::kProxyProtocol, "proxy_protocol: true"},
        {Part::kOcsp, "ocsp: true"},
        {Part::kOcsp, "ocsp { mode: always }"},
        {Part::kOcsp, "ocsp { mode: must, url: \"http://a\" }"},
        {Part::kOcspPeer, "tls { cert_file: c, key_file: k, ocsp_peer: true }"},
        {Part::kOcspPeer, "cluster { tls { ca_file: c, ocsp_peer { verify: true } } }"},
        {Part::kCertificateList, "tls { certs: [{cert_file: c, key_file: k}] }"},
        {Part::kCertificateList, "websocket { tls { certificates: [{cert_file: c, key_file: k}] } }"},
    };
    for (const auto& file : files) {
        if (is_active(file.part)) continue;
        ASSERT_EQ(part_state(file.part), PartState::kRefused) << file.text;
        const ReadResult result = read(file.text);
        EXPECT_FALSE(result.good) << file.text;
        EXPECT_THAT(result.messages, HasSubstr(inactive_text(file.part))) << file.text;
        EXPECT_THAT(result.messages, HasSubstr("is not active in this version: without it, ")) << file.text;
        EXPECT_THAT(result.messages, HasSubstr(" - remove it on purpose, or keep nats-server")) << file.text;
    }
}

TEST(InactiveTest, WhatIsSwitchedOffIsNoMatter) {
    for (const char* text :
         {"ocsp: false", "ocsp { mode: never }", "proxies { trusted: [] }", "proxy_protocol: false",
          "authorization { users: [{user: a, proxy_required: false}] }",
          "tls { cert_file: c, key_file: k, ocsp_peer: false }",
          "tls { cert_file: c, key_file: k, ocsp_peer { verify: false } }"}) {
        EXPECT_EQ(messages_of(text), "") << text;
    }
}

TEST(InactiveTest, WrongTypesDoNotSwitchAPartOff) {
    const std::string front = "tls { cert_file: c, key_file: k, ocsp_peer ";
    for (const char* block : {"{ verify: \"true\" }", "{ verify: 1 }", "{ warn_only: 5 }", "{ ca_timeout: true }",
                              "{ allowed_clockskew: x }", "{ verify: true, Verify: false }"}) {
        EXPECT_FALSE(read(front + block + " }").good) << block;
    }
    EXPECT_TRUE(read(front + "{ ca_timeout: 2, allowed_clockskew: \"30s\", warn_only: true } }").good);
    for (const char* text : {"ocsp { mode: never, MODE: always }", "ocsp { MODE: never }", "ocsp { mode: 5 }"}) {
        EXPECT_FALSE(read(text).good) << text;
    }
    EXPECT_TRUE(read("ocsp { mode: NEVER, url: \"http://a\" }").good);
}

TEST(InactiveTest, ABlockThatIsNotDialledOrListenedToIsNoticed) {
    for (const auto& [part, text] : {std::pair<Part, const char*>{Part::kJetStream, "jetstream: true"},
                                     {Part::kMqtt, "mqtt { port: 1883 }"},
                                     {Part::kServerMetadata, "server_metadata { a: b }"}}) {
        if (is_active(part)) continue;
        const ReadResult result = read(text);
        EXPECT_TRUE(result.good) << result.messages;
        EXPECT_THAT(result.messages, HasSubstr("is accepted, but not active in this version")) << text;
    }
}

// What the reference refuses inside a block is refused, though the block does nothing here.
TEST(InactiveTest, BlocksThatAreGoneWithoutAreReadAllTheSame) {
    for (const char* text : {
             "jetstream { store_dir: x, max_mem: 1G, max_file: \"10G\", domain: d, sync: always }",
             "jetstream { limits { max_ack_pending: 5, batch { timeout: \"5s\" } }, tpm { pcr: 1 } }",
             "jetstream: enabled",
             "mqtt { port: 1883, ack_wait: \"5s\", max_ack_pending: 9, authorization { user: a } }",
             "accounts { A { jetstream: enabled, msg_trace { dest: a, sampling: \"50%\" } } }",
             "accounts { A { jetstream { max_mem: 5, max_bytes_required: true } } }",
             "feature_flags { a: true }",
             "server_metadata { a: b }",
         }) {
        EXPECT_TRUE(read(text).good) << read(text).messages;
    }
    const auto fault = [](const char* text) {
        const std::string all = messages_of(text);
        return all.substr(all.rfind('\n') + 1);
    };
    EXPECT_THAT(messages_of("jetstream { stoer: x }"), HasSubstr("unknown field \"stoer\""));
    EXPECT_THAT(messages_of("jetstream: maybe"), HasSubstr("Expected 'enabled' or 'disabled'"));
    EXPECT_THAT(messages_of("jetstream { max_file: \"10X\" }"),
                HasSubstr("sizes defined as strings must end in K, M, G, T"));
    EXPECT_THAT(messages_of("mqtt { prot: 1 }"), HasSubstr("unknown field \"prot\""));
    EXPECT_THAT(messages_of("mqtt { max_ack_pending: 70000 }"), HasSubstr("should in [0..65535] range"));
    EXPECT_THAT(messages_of("mqtt: 5"), HasSubstr("Expected mqtt to be a map, got int64"));
    EXPECT_THAT(messages_of("feature_flags { a: 5 }"),
                HasSubstr("error parsing feature flag \"a\": expected bool, got int64"));
    EXPECT_THAT(messages_of("jetstream { domain: a.b }"),
                HasSubstr("invalid domain name: may not contain ., * or >"));
    EXPECT_THAT(fault("accounts { A { jetstream { cluster_traffic: [ x ] } } }"),
                HasSubstr("Expected either 'system' or 'owner' string value for \"cluster_traffic\""));
    EXPECT_THAT(fault("accounts { A { jetstream: 5 } }"),
                HasSubstr("Expected map, bool or string to define JetStream, got int64"));
}

}  // namespace
}  // namespace nuring::config
