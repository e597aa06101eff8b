// SPDX-License-Identifier: Apache-2.0
#include "core/auth/permissions.h"

#include <map>
#include <string>
#include <vector>

#include "core/auth/permission_cache.h"
#include "core/base/prng.h"
#include "gtest/gtest.h"

namespace nuring::auth {
namespace {

TEST(PermissionsTest, PublishNeedsAllowAndNoDeny) {
    config::Permissions rules;
    rules.publish = {.allow = {"pub.>", "req.*"}, .deny = {"pub.secret"}};
    const Permissions permissions(rules);
    EXPECT_TRUE(permissions.may_publish("pub.a.b"));
    EXPECT_TRUE(permissions.may_publish("req.x"));
    EXPECT_FALSE(permissions.may_publish("pub.secret"));
    EXPECT_FALSE(permissions.may_publish("req.x.y"));
    EXPECT_FALSE(permissions.may_publish("other"));
}

TEST(PermissionsTest, NoWildcardAllowsAnEmptyToken) {
    config::Permissions rules;
    rules.publish = {.allow = {">", "pub.*"}, .deny = {"secret.>"}};
    const Permissions permissions(rules);
    for (const char* const subject : {"", ".", "pub.", ".pub", "pub..a", "pub.a.", "secret..a"})
        EXPECT_FALSE(permissions.may_publish(subject)) << subject;
    rules.publish.allow.clear();
    EXPECT_TRUE(Permissions(rules).may_publish("pub..a"));
    EXPECT_FALSE(Permissions(rules).may_publish("secret..a"));
}

TEST(PermissionsTest, ASubscriptionMustLieWithinTheAllowedSubjects) {
    config::Permissions rules;
    rules.subscribe = {.allow = {"*", "foo.*"}, .deny = {"foo.bar"}};
    const Permissions permissions(rules);
    EXPECT_TRUE(permissions.may_subscribe("foo", ""));
    EXPECT_TRUE(permissions.may_subscribe("foo.*", ""));
    EXPECT_FALSE(permissions.may_subscribe(">", ""));  // RC19 and 2.9.10 let it pass
    EXPECT_FALSE(permissions.may_subscribe("foo.>", ""));
    EXPECT_FALSE(permissions.may_subscribe("foo.bar", ""));
    EXPECT_FALSE(permissions.may_subscribe("foo.bar", "queue"));  // CVE-2022-29946
}

TEST(PermissionsTest, AWiderSubscriptionIsFilteredByTheDenyList) {
    config::Permissions rules;
    rules.subscribe.deny = {"foo.bar", "x.*.z"};
    const Permissions permissions(rules);
    EXPECT_TRUE(permissions.may_subscribe("foo.*", ""));
    EXPECT_TRUE(permissions.must_filter("foo.*", ""));
    EXPECT_FALSE(permissions.must_filter("bar", ""));
    EXPECT_FALSE(permissions.may_receive("foo.bar", ""));
    EXPECT_TRUE(permissions.may_receive("foo.baz", ""));
    EXPECT_FALSE(permissions.may_receive("x.y.z", "queue"));
}

TEST(PermissionsTest, WithResponsesAnEmptyAllowListAllowsNothingElse) {
    config::Permissions rules;
    rules.responses = config::ResponsePermissions{};
    EXPECT_FALSE(Permissions(rules).may_publish("any"));
    rules.publish.deny = {"secret"};  // a deny list does not bring the blanket permission back
    EXPECT_FALSE(Permissions(rules).may_publish("any"));
    rules.publish.allow = {"out.>"};
    EXPECT_TRUE(Permissions(rules).may_publish("out.x"));
    EXPECT_FALSE(Permissions(rules).may_publish("any"));
}

TEST(PermissionsTest, BlanksAroundSubjectAndQueueDoNotCount) {
    for (const char* const entry : {"foo q", " foo q", "foo q ", "\tfoo \t q\n", "foo\nq"}) {
        config::Permissions rules;
        rules.subscribe.deny = {entry};
        EXPECT_FALSE(Permissions(rules).may_subscribe("foo", "q")) << entry;
        EXPECT_TRUE(Permissions(rules).may_subscribe("foo", "other")) << entry;
        rules.subscribe = {.allow = {entry}, .deny = {}};
        EXPECT_TRUE(Permissions(rules).may_subscribe("foo", "q")) << entry;
        EXPECT_FALSE(Permissions(rules).may_subscribe("foo", "other")) << entry;
    }
}

// The table of the reference's own tests (server/client_test.go 2.9.10), and where we are stricter.
TEST(PermissionsTest, QueuesAreNamedAfterTheSubject) {
    struct Row {
        std::vector<std::string> allow;
        std::vector<std::string> deny;
        const char* subject;
        const char* queue;
        bool allowed;
    };
    const Row rows[] = {
        {{"foo"}, {}, "foo", "", true},
        {{"foo bar"}, {}, "foo", "bar", true},
        {{"foo bar.*"}, {}, "foo", "bar.fizz", true},
        {{"> bar.>"}, {}, "whizz", "bar.bang", true},
        {{"> bar.>"}, {}, "whizz", "", false},
        {{">"}, {"foo"}, "foo", "bar", false},
        {{">"}, {"foo"}, "bar", "", true},
        {{">"}, {">"}, "foo", "bar", false},
        {{"> v1.>"}, {}, "foo", "v1.prod", true},
        {{">"}, {"> >"}, "foo", "", true},
        {{}, {"> >"}, "foo", "bar", false},
        {{}, {"> *.dev", "> *.stg"}, "foo", "bar", true},
        {{"> *.dev", "> *.stg"}, {}, "foo", "bar", false},
        {{}, {"foo >"}, "foo", "bar", false},
        {{"foo bar"}, {}, "foo", "fizz", false},
        {{"foo"}, {}, "foo", "bar", true},
        {{"foo", "foo bar"}, {}, "foo", "bar", true},
        {{"foo", "foo bar"}, {}, "foo", "fizz", false},
        {{"foo v1.*"}, {}, "foo", "v1.*", true},
        {{">", "* q1.*"}, {}, ">", "other", false},
        {{">", "* q1.*"}, {}, ">", "q1.x", true},
        {{"* q1.*"}, {}, ">", "q1.x", false},  // the reference lets it pass
        {{">", "* q1.*"}, {}, "foo.*", "other", true},
        {{}, {"foo", "foo bar"}, "foo", "fizz", false},  // the reference lets it pass
    };
    for (const Row& row : rows) {
        config::Permissions rules;
        rules.subscribe = {.allow = row.allow, .deny = row.deny};
        const bool allowed = Permissions(rules).may_subscribe(row.subject, row.queue);
        EXPECT_EQ(allowed, row.allowed) << &row - rows << " " << row.subject << " " << row.queue;
    }
}

TEST(PermissionsTest, AnEntryWithAQueueConcernsThatQueueAlone) {
    config::Permissions rules;
    rules.subscribe = {.allow = {"jobs work"}, .deny = {}};
    const Permissions permissions(rules);
    EXPECT_TRUE(permissions.may_subscribe("jobs", "work"));
    EXPECT_FALSE(permissions.may_subscribe("jobs", "other"));
    EXPECT_FALSE(permissions.may_subscribe("jobs", ""));
}

TEST(PermissionCacheTest, KnowsWhatItWasToldLast) {
    PermissionCache cache;
    EXPECT_EQ(cache.find("a"), PermissionCache::Answer::kUnknown);
    EXPECT_EQ(cache.find(""), PermissionCache::Answer::kUnknown);
    cache.remember("a", true);
    EXPECT_EQ(cache.find("a"), PermissionCache::Answer::kYes);
    EXPECT_EQ(cache.find("b"), PermissionCache::Answer::kUnknown);
    cache.remember("b", false);
    EXPECT_EQ(cache.find("b"), PermissionCache::Answer::kNo);
    cache.remember("a", false);
    EXPECT_EQ(cache.find("a"), PermissionCache::Answer::kNo);
    cache.clear();
    EXPECT_EQ(cache.find("a"), PermissionCache::Answer::kUnknown);
}

TEST(PermissionCacheTest, DoesNotKeepSubjectsThatAreTooLong) {
    PermissionCache cache;
    cache.remember(std::string(124, 'x'), true);
    cache.remember(std::string(125, 'x'), true);
    EXPECT_EQ(cache.find(std::string(124, 'x')), PermissionCache::Answer::kYes);
    EXPECT_EQ(cache.find(std::string(125, 'x')), PermissionCache::Answer::kUnknown);
}

// Hashes decide, so a few may share their places with too many; it was 29 of 64 once.
TEST(PermissionCacheTest, SixtyFourSubjectsInTurnHardlyDriveEachOtherOut) {
    for (const std::string form : {"orders.eu.region3.berlin.", "s.", ""}) {
        PermissionCache cache;
        for (int round = 0; round < 200; ++round) {
            size_t misses = 0;
            for (int i = 0; i < 64; ++i) {
                const std::string subject = form + std::to_string(i);
                if (cache.find(subject) != PermissionCache::Answer::kUnknown) continue;
                ++misses;
                cache.remember(subject, true);
            }
            if (round == 199) {
                EXPECT_LE(misses, 4u) << form;
            }
        }
    }
}

// The plain model: a map. Whatever the cache says, the map says too.
TEST(PermissionCacheTest, NeverAnswersForAnotherSubject) {
    PermissionCache cache;
    std::map<std::string, bool> model;
    base::Prng prng(7);
    for (int i = 0; i < 100'000; ++i) {
        std::string subject;
        for (uint32_t left = prng.below(20); left > 0; --left) subject += "ab."[prng.below(3)];
        const PermissionCache::Answer answer = cache.find(subject);
        if (answer == PermissionCache::Answer::kUnknown) {
            model[subject] = prng.below(2) == 0;
            cache.remember(subject, model[subject]);
        } else {
            ASSERT_EQ(answer == PermissionCache::Answer::kYes, model.at(subject)) << subject;
        }
    }
}

}  // namespace
}  // namespace nuring::auth
