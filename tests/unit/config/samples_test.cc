// SPDX-License-Identifier: Apache-2.0
// Every configuration that the README files of gnatsd 0.9.6, 1.0.2, 1.2.0 and nats-server 2.0.0
// print (samples/, placeholders filled in) reads without error or warning and means what they say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "core/config/read.h"
#include "core/config/validate.h"

namespace nuring::config {
namespace {

using testing::ElementsAre;

Options sample(const std::string& name) {
    Options options;
    Diagnostics diagnostics;
    const std::string path = std::string(SAMPLES_DIR) + "/" + name + ".conf";
    EXPECT_TRUE(load_file(path, system_sources(), &options, &diagnostics));
    EXPECT_FALSE(diagnostics.has_errors() || diagnostics.has_warnings()) << diagnostics.to_string();
    complete(&options);
    validate(options, &diagnostics);
    EXPECT_FALSE(diagnostics.has_errors()) << diagnostics.to_string();
    return options;
}

TEST(SamplesTest, AllReadWell) {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(SAMPLES_DIR)) {
        SCOPED_TRACE(entry.path().string());
        sample(entry.path().stem().string());
        ++count;
    }
    EXPECT_EQ(count, 29U);
}

TEST(SamplesTest, Server) {
    for (const char* name : {"server_0_9_6", "server_1_2_0", "server_2_0_0"}) {
        SCOPED_TRACE(name);
        const Options o = sample(name);
        EXPECT_EQ(o.host, "localhost");
        EXPECT_EQ(o.port, 4242);
        EXPECT_EQ(o.http.host, "localhost");
        EXPECT_EQ(o.http.port, 8222);
        EXPECT_EQ(o.authorization.user, "derek");
        EXPECT_EQ(o.authorization.password,
                  "$2a$11$W2zko751KUvVy59mUTWmpOdWjpEm5qhcCZRd05GjI/sSOT.xtiHyG");
        EXPECT_EQ(o.authorization.timeout, seconds(1));
        EXPECT_EQ(o.cluster.host, "localhost");
        EXPECT_EQ(o.cluster.port, 4244);
        EXPECT_EQ(o.cluster.authorization.user, "route_user");
        ASSERT_EQ(o.cluster.routes.size(), 2U);
        EXPECT_EQ(o.cluster.routes[1].user, "user2");
        EXPECT_EQ(o.cluster.routes[1].host_port(), "127.0.0.1:4246");
        EXPECT_TRUE(!o.log.debug && o.log.trace && !o.log.logtime);
        EXPECT_EQ(o.log.file, "/tmp/nats-server.log");
        EXPECT_EQ(o.pid_file, "/tmp/nats-server.pid");
        EXPECT_EQ(o.max_connections, 100);
        EXPECT_EQ(o.max_control_line, 512);
        EXPECT_EQ(o.max_payload, 65536);
    }
    EXPECT_EQ(sample("server_2_0_0").max_subscriptions, 1000);
    EXPECT_EQ(sample("server_2_0_0").write_deadline, seconds(2));
}

TEST(SamplesTest, Users) {
    const Options o = sample("permissions_1_2_0");
    ASSERT_EQ(o.authorization.users.size(), 4U);
    EXPECT_EQ(o.authorization.users[2].password, "abcdefghijklmnopqrstuvwxwz0123456789");
    EXPECT_THAT(o.authorization.users[0].permissions->publish.allow, ElementsAre(">"));
    EXPECT_THAT(o.authorization.users[3].permissions->subscribe.allow,
                ElementsAre("PUBLIC.>", "_INBOX.>"));
    const Options deny = sample("permissions_allow_deny");
    EXPECT_THAT(deny.authorization.users[0].permissions->publish.deny,
                ElementsAre("SYS.*", "bar.baz", "foo.*"));
}

TEST(SamplesTest, CertificatesAsUsers) {
    EXPECT_EQ(sample("certificate_user_email").authorization.users[0].name, "user@example.com");
    const Options o = sample("certificate_user_subject");
    EXPECT_EQ(o.authorization.users[1].name, "CN=example.com,OU=CNCF");
    EXPECT_THAT(o.authorization.users[1].permissions->publish.allow, ElementsAre("public.>"));
    EXPECT_TRUE(sample("tls_verify_and_map").tls->verify);
}

TEST(SamplesTest, Links) {
    EXPECT_EQ(sample("seed_node").cluster.port, 4248);
    EXPECT_EQ(sample("cluster_permissions_edge").cluster.routes.at(0).password, "top_secret");
    EXPECT_EQ(sample("gateway").gateway.gateways.size(), 2U);
    EXPECT_EQ(sample("cluster_tls").cluster.tls->ca_file, "./configs/certs/ca.pem");
}

}  // namespace
}  // namespace nuring::config
