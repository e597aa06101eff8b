// SPDX-License-Identifier: Apache-2.0
#include "core/account/account_registry.h"

#include <gtest/gtest.h>

#include <thread>

#include "core/interest/match_result.h"

namespace nuring::account {
namespace {

config::AccountOptions exporter(std::vector<config::AccountExport> exports) {
    config::AccountOptions options;
    options.name = "EXP";
    options.exports = std::move(exports);
    return options;
}

config::AccountOptions importer(std::vector<config::AccountImport> imports) {
    config::AccountOptions options;
    options.name = "IMP";
    options.imports = std::move(imports);
    return options;
}

const config::AccountExport kStream{.kind = config::ExchangeKind::kStream, .subject = "feed.>"};
const config::AccountExport kService{.kind = config::ExchangeKind::kService, .subject = "svc"};
const config::AccountImport kWantsStream{
    .kind = config::ExchangeKind::kStream, .account = "EXP", .subject = "feed.>"};
const config::AccountImport kWantsService{
    .kind = config::ExchangeKind::kService, .account = "EXP", .subject = "svc"};

class AccountRegistryTest : public testing::Test {
  protected:
    Retired apply(std::vector<config::AccountOptions> accounts) {
        config::Options options;
        options.accounts = std::move(accounts);
        return registry_.apply(options);
    }
    size_t services(std::string_view account, std::string_view subject) {
        interest::MatchResult result;
        interest::Sublist& sublist = registry_.find_or_create(account).sublist();
        sublist.match(base::WorkerId{0}, subject, sublist.hash(subject), &result);
        EXPECT_TRUE(result.local().empty());
        return result.services().size();
    }
    const Exchange& of(std::string_view name) { return registry_.find_or_create(name).exchange(); }

    AccountRegistry registry_{1, 42};
};

TEST_F(AccountRegistryTest, TheListIsMadeAnewForNewAccountsOnly) {
    (void)registry_.find_or_create("B");
    (void)registry_.find_or_create("A");
    const AccountList before = registry_.list();
    std::vector<std::string> names;
    for (const Account* account : before) names.push_back(account->name());
    EXPECT_EQ(names, (std::vector<std::string>{"$G", "A", "B"}));
    (void)registry_.find_or_create("A");
    EXPECT_EQ(&*before.begin(), &*registry_.list().begin());
    (void)registry_.find_or_create("C");
    EXPECT_EQ(registry_.list().size(), 4U);
    EXPECT_EQ(before.size(), 3U);
}

TEST_F(AccountRegistryTest, MappingsFollowTheNameOfTheCluster) {
    config::AccountOptions maps;
    maps.name = "MAPS";
    maps.mappings = {{.source = "a", .targets = {{"a.west", 100, "west"}, {"a.east", 100, "east"}}}};
    config::AccountOptions other;
    other.name = "OTHER";
    (void)apply({maps, other});
    base::Prng prng(1);
    const auto mapped = [&] {
        const auto* mapping = of("MAPS").mappings.find("a");
        const auto* transform = mapping == nullptr ? nullptr : mapping->pick(prng);
        std::string subject;
        return transform != nullptr && transform->apply("a", &subject) ? subject : "a";
    };
    EXPECT_EQ(mapped(), "a");
    const Exchange* untouched = &of("OTHER");
    const Retired retired = registry_.set_cluster_name("east");
    ASSERT_NE(retired, nullptr);
    EXPECT_EQ(retired->size(), 1U);
    EXPECT_EQ(mapped(), "a.east");
    EXPECT_EQ(&of("OTHER"), untouched);
    EXPECT_EQ(registry_.set_cluster_name("east"), nullptr);
    const Retired reloaded = apply({maps, other});
    EXPECT_EQ(mapped(), "a.east");
    config::Options named;
    named.accounts = {maps, other};
    named.cluster.name = "west";
    const Retired renamed = registry_.apply(named);
    EXPECT_EQ(mapped(), "a.west");
}

TEST_F(AccountRegistryTest, AServiceImportIsASubscriptionOfTheImporter) {
    (void)apply({exporter({kService}), importer({kWantsService})});
    EXPECT_EQ(services("IMP", "svc"), 1U);
    EXPECT_EQ(services("EXP", "svc"), 0U);
    EXPECT_EQ(services("EXP", "_R_.something"), 1U);
    EXPECT_EQ(services("IMP", "_R_.something"), 1U);
    EXPECT_EQ(services("$G", "_R_.something"), 0U);
}

TEST_F(AccountRegistryTest, WhatStaysTheSameIsTakenOver) {
    (void)apply({exporter({kStream, kService}), importer({kWantsStream, kWantsService})});
    const auto stream = of("IMP").streams.at(0);
    const auto service = of("IMP").services.at(0);
    config::AccountOptions more = importer({kWantsStream, kWantsService});
    more.limits.payload = 7;
    (void)apply({exporter({kStream, kService}), more});
    EXPECT_EQ(of("IMP").streams.at(0), stream);
    EXPECT_EQ(of("IMP").services.at(0), service);
    EXPECT_EQ(of("IMP").limits.payload, 7);
}

TEST_F(AccountRegistryTest, WhatIsReplacedLivesUntilTheWorkersLetGo) {
    (void)apply({exporter({kService}), importer({kWantsService})});
    const std::weak_ptr<const ServiceImport> service = of("IMP").services.at(0);
    Retired retired = apply({exporter({kService}), importer({})});
    EXPECT_EQ(services("IMP", "svc"), 0U);
    EXPECT_FALSE(service.expired());
    retired.reset();
    EXPECT_TRUE(service.expired());
}

TEST_F(AccountRegistryTest, AnAccountThatIsNoLongerConfiguredLosesWhatItHad) {
    (void)apply({exporter({kStream}), importer({kWantsStream})});
    Account& account = registry_.find_or_create("IMP");
    (void)apply({exporter({kStream})});
    EXPECT_TRUE(account.exchange().streams.empty());
    EXPECT_EQ(&registry_.find_or_create("IMP"), &account);
}

TEST_F(AccountRegistryTest, ClaimsOfOneAccountConcernThoseWhoImportFromIt) {
    const config::AccountOptions wants = importer({kWantsStream, kWantsService});
    (void)registry_.update({wants});
    EXPECT_TRUE(of("IMP").streams.empty()) << "the exporter is not known yet";
    (void)registry_.update({wants, exporter({kStream, kService})});
    EXPECT_EQ(of("IMP").streams.size(), 1U);
    EXPECT_EQ(of("IMP").services.size(), 1U);
    EXPECT_TRUE(registry_.update({wants, exporter({kStream, kService})})->empty()) << "no change";
    (void)registry_.update({wants, exporter({kService})});
    EXPECT_TRUE(of("IMP").streams.empty());
    EXPECT_EQ(of("IMP").services.size(), 1U);
    (void)registry_.update({exporter({kService})});
    EXPECT_TRUE(of("IMP").services.empty()) << "its claims are gone";
}

TEST_F(AccountRegistryTest, AnImportWhoseNameIsNoPatternIsLeftOut) {
    config::AccountImport wanted = kWantsService;
    wanted.to = "local.>.svc";
    (void)registry_.update({exporter({kService}), importer({wanted})});
    EXPECT_TRUE(of("IMP").services.empty());
}

TEST_F(AccountRegistryTest, AnExportThatAsksForATokenNeedsAnActivatedImport) {
    config::AccountExport closed = kStream;
    closed.token_required = true;
    (void)apply({exporter({closed}), importer({kWantsStream})});
    EXPECT_TRUE(of("IMP").streams.empty());
    config::AccountImport activated = kWantsStream;
    activated.activated = true;
    (void)apply({exporter({closed}), importer({activated})});
    EXPECT_EQ(of("IMP").streams.size(), 1U);
}

TEST_F(AccountRegistryTest, ConnectionsAreCountedAgainstTheLimit) {
    config::AccountOptions limited = importer({});
    limited.limits.connections = 1;
    (void)apply({limited});
    Account& account = registry_.find_or_create("IMP");
    EXPECT_TRUE(account.add_connection());
    EXPECT_FALSE(account.add_connection());
    EXPECT_EQ(account.connections(), 1);
    account.remove_connection();
    EXPECT_TRUE(account.add_connection());
}

TEST_F(AccountRegistryTest, ALowerLimitShedsWhatIsTooMuchAndNoMore) {
    config::AccountOptions limited = importer({});
    (void)apply({limited});
    Account& account = registry_.find_or_create("IMP");
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(account.add_connection());
    limited.limits.connections = 400;
    (void)apply({limited});
    const auto shed_all = [&account](int* count) {
        while (account.shed_connection()) ++*count;
    };
    int here = 0;
    int there = 0;
    std::thread other(shed_all, &there);
    shed_all(&here);
    other.join();
    EXPECT_EQ(here + there, 600);
    EXPECT_EQ(account.connections(), 400);
}

}  // namespace
}  // namespace nuring::account
