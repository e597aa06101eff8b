// SPDX-License-Identifier: Apache-2.0
#include "core/account/imports.h"

#include <gtest/gtest.h>

#include "core/account/account.h"

namespace nuring::account {
namespace {

config::AccountImport stream_import(std::string subject, std::string prefix, std::string to = "") {
    return {.kind = config::ExchangeKind::kStream,
            .account = "EXP",
            .subject = std::move(subject),
            .to = std::move(to),
            .prefix = std::move(prefix)};
}

class StreamImportTest : public testing::Test {
  protected:
    std::string shadow(const config::AccountImport& options, std::string_view pattern) {
        const auto import = StreamImport::create(options, exporter_);
        if (import == nullptr) return "refused";
        const auto made = import->shadow(pattern);
        return made ? made->pattern + (made->is_wider ? " (wider)" : "") : "none";
    }
    std::string local(const config::AccountImport& options, std::string_view subject) {
        std::string out;
        return StreamImport::create(options, exporter_)->to_local(subject, &out) ? out : "nobody";
    }

    Account exporter_{"EXP", {}};
};

TEST_F(StreamImportTest, ASubscriptionInsideTheImportLosesThePrefix) {
    const auto import = stream_import("feed.>", "pre");
    EXPECT_EQ(shadow(import, "pre.feed.a"), "feed.a");
    EXPECT_EQ(shadow(import, "pre.feed.*.b"), "feed.*.b");
    EXPECT_EQ(shadow(import, "pre.feed.>"), "feed.>");
    EXPECT_EQ(local(import, "feed.a.b"), "pre.feed.a.b");
}

TEST_F(StreamImportTest, WhatIsNotOfTheImportHasNoSubjectHere) {
    EXPECT_EQ(local(stream_import("feed.*", ""), "feed.a"), "feed.a");
    EXPECT_EQ(local(stream_import("feed.*", ""), "news.a"), "nobody");
    EXPECT_EQ(local(stream_import("feed.*", "pre"), "feed.a.b"), "nobody");
    EXPECT_EQ(local(stream_import("feed.a", "", "first"), "feed.a"), "first");
    EXPECT_EQ(local(stream_import("feed.a", "", "first"), "feed.b"), "nobody");
}

TEST_F(StreamImportTest, ASubscriptionAroundTheImportGetsAllOfIt) {
    const auto import = stream_import("feed.*", "pre.");
    EXPECT_EQ(shadow(import, ">"), "feed.*");
    EXPECT_EQ(shadow(import, "pre.>"), "feed.*");
    EXPECT_EQ(shadow(import, "*.feed.*"), "feed.*");
}

TEST_F(StreamImportTest, PartialOverlapIsWhatBothMatch) {
    const auto import = stream_import("feed.*.b", "");
    EXPECT_EQ(shadow(import, "*.a.*"), "feed.a.b");
    EXPECT_EQ(shadow(import, "*.a.>"), "feed.a.b");
    EXPECT_EQ(shadow(stream_import("feed.>", ""), "*.a.>"), "feed.a.>");
    EXPECT_EQ(shadow(stream_import("feed.>", "p"), "*.*.x"), "feed.x");
}

TEST_F(StreamImportTest, WhatIsNoPatternIsRefused) {
    EXPECT_EQ(shadow(stream_import("feed", "", "local.>.x"), ">"), "refused");
    EXPECT_EQ(shadow(stream_import("feed\tx", ""), ">"), "refused");
    EXPECT_EQ(shadow(stream_import("feed", "pre\r\n"), ">"), "refused");
}

TEST_F(StreamImportTest, WhatHasNothingInCommonHasNoShadow) {
    const auto import = stream_import("feed.*", "pre");
    EXPECT_EQ(shadow(import, "feed.a"), "none");
    EXPECT_EQ(shadow(import, "pre.feed.a.b"), "none");
    EXPECT_EQ(shadow(import, "pre.other.*"), "none");
}

TEST_F(StreamImportTest, ATargetReordersWildcardsBothWays) {
    const auto import = stream_import("a.*.*", "", "b.$2.$1");
    EXPECT_EQ(local(import, "a.1.2"), "b.2.1");
    EXPECT_EQ(shadow(import, "b.2.1"), "a.1.2");
    EXPECT_EQ(shadow(import, "b.*.1"), "a.1.*");
    EXPECT_EQ(shadow(import, "b.>"), "a.*.*");
}

TEST_F(StreamImportTest, AFunctionThatCannotBeLedBackSubscribesToAllAndCompares) {
    const auto import = stream_import("a.*", "", "b.{{partition(4,1)}}");
    EXPECT_EQ(shadow(import, "b.3"), "a.* (wider)");
    EXPECT_EQ(shadow(import, "b.*"), "a.*");
}

class ServiceImportTest : public testing::Test {
  protected:
    std::string remote(std::string subject, std::string to, std::string_view published) {
        const config::AccountImport options{.kind = config::ExchangeKind::kService,
                                            .account = "EXP",
                                            .subject = std::move(subject),
                                            .to = std::move(to)};
        const auto import = ServiceImport::create(options, {}, exporter_);
        if (import == nullptr) return "refused";
        std::string out;
        if (!import->to_remote(published, &out)) return "too long";
        return std::string(import->subscription()->subject()) + " -> " + out;
    }

    Account exporter_{"EXP", {}};
};

TEST_F(ServiceImportTest, ALiteralServiceHasOneSubject) {
    EXPECT_EQ(remote("svc", "", "svc"), "svc -> svc");
    EXPECT_EQ(remote("svc", "local", "local"), "local -> svc");
    EXPECT_EQ(remote("svc", "local.*", "local.x"), "local.* -> svc");
}

TEST_F(ServiceImportTest, WildcardsAreCarriedOver) {
    EXPECT_EQ(remote("svc.*", "", "svc.a"), "svc.* -> svc.a");
    EXPECT_EQ(remote("svc.*.*", "l.*.*", "l.a.b"), "l.*.* -> svc.a.b");
    EXPECT_EQ(remote("svc.*.*", "l.$2.$1", "l.a.b"), "l.*.* -> svc.b.a");
    EXPECT_EQ(remote("svc.>", "l.>", "l.a.b"), "l.> -> svc.a.b");
    EXPECT_EQ(remote("svc.*", "local", "local"), "refused");
}

// Claims may name what is no pattern.
TEST_F(ServiceImportTest, WhatIsNoPatternIsRefused) {
    EXPECT_EQ(remote("svc", "local.>.x", "local"), "refused");
    EXPECT_EQ(remote(">.svc", "", ">.svc"), "refused");
    EXPECT_EQ(remote("svc..a", "", "svc..a"), "refused");
    EXPECT_EQ(remote("svc", "local\r\nPING", "local"), "refused");
}

}  // namespace
}  // namespace nuring::account
