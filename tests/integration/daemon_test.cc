// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The real copsed from start to end: how it starts and why not, what it serves
// beside gRPC calls, and how it ends.

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "curl/curl.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "xxhash.h"

#include "copse/v1/admin_service.grpc.pb.h"
#include "copse/v1/commit_service.grpc.pb.h"
#include "copse/v1/domain_service.grpc.pb.h"
#include "tests/support/daemon_process.h"
#include "tests/support/status_matchers.h"

namespace copse {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::shared_ptr<grpc::Channel> ChannelTo(const DaemonProcess& daemon) {
  return grpc::CreateChannel(daemon.grpc_address(),
                             grpc::InsecureChannelCredentials());
}

// What grpc.health.v1 answers about `service`: 1 serving, 2 not, -1 unknown or
// no answer. The message is one field, so no generated code is needed.
int HealthOf(const std::shared_ptr<grpc::Channel>& channel,
             const std::string& service) {
  std::string request;
  if (!service.empty()) {
    request = absl::StrCat(
        "\x0a", std::string(1, static_cast<char>(service.size())), service);
  }
  const grpc::Slice slice(request);
  const grpc::ByteBuffer bytes(&slice, 1);
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareUnaryCall(
      &context, "/grpc.health.v1.Health/Check", bytes, &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  grpc::Slice body;
  if (!status.ok() || !answer.DumpToSingleSlice(&body).ok() ||
      body.size() != 2) {
    return -1;
  }
  return body.begin()[1];
}

size_t AppendBody(char* data, size_t size, size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

struct HttpAnswer {
  int64_t status = 0;
  std::string body;
};

HttpAnswer Get(const std::string& address, const std::string& path) {
  HttpAnswer answer;
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(
      curl_easy_init(), &curl_easy_cleanup);
  const std::string url = absl::StrCat("http://", address, path);
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 30L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, AppendBody);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.body);
  if (curl_easy_perform(curl.get()) == CURLE_OK) {
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  }
  return answer;
}

// A push of copse.v1, one message after the other.
class Push {
 public:
  explicit Push(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::CommitService::NewStub(channel)),
        stream_(stub_->PushCommit(&context_)) {}

  void SendHeader(const std::string& domain, const std::string& commit) {
    v1::PushCommitRequest request;
    request.mutable_header()->set_domain(domain);
    request.mutable_header()->set_commit(commit);
    request.mutable_header()->mutable_create_domain();
    stream_->Write(request);
  }

  void SendDocument(const std::string& id, const std::string& text) {
    v1::PushCommitRequest request;
    v1::Document* document =
        request.mutable_operations()->add_operations()->mutable_insert();
    document->set_document_id(id);
    document->set_text(text);
    stream_->Write(request);
  }

  // Reads the first progress, which comes when the push has begun.
  void WaitForProgress() {
    v1::PushCommitResponse response;
    EXPECT_TRUE(stream_->Read(&response));
    EXPECT_TRUE(response.has_progress());
  }

  void SendFinish() {
    v1::PushCommitRequest request;
    request.mutable_finish();
    stream_->Write(request);
    stream_->WritesDone();
  }

  // Reads to the end and returns how the push ended.
  grpc::Status End() {
    v1::PushCommitResponse response;
    while (stream_->Read(&response)) {
    }
    return stream_->Finish();
  }

 private:
  std::unique_ptr<v1::CommitService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<v1::PushCommitRequest, v1::PushCommitResponse>>
      stream_;
};

grpc::Status PushOne(const std::shared_ptr<grpc::Channel>& channel,
                     const std::string& commit) {
  Push push(channel);
  push.SendHeader("trees", commit);
  push.SendDocument("oak", "the oak stands in the wood");
  push.SendFinish();
  return push.End();
}

grpc::StatusCode GetCommit(const std::shared_ptr<grpc::Channel>& channel,
                           const std::string& commit) {
  grpc::ClientContext context;
  v1::GetCommitRequest request;
  request.set_domain("trees");
  request.set_commit(commit);
  v1::Commit response;
  return v1::CommitService::NewStub(channel)
      ->GetCommit(&context, request, &response)
      .error_code();
}

class DaemonTest : public ::testing::Test {
 protected:
  std::unique_ptr<DaemonProcess> Start(
      const std::vector<std::string>& arguments = {}) {
    absl::StatusOr<std::unique_ptr<DaemonProcess>> daemon =
        DaemonProcess::Start({.data = data_, .arguments = arguments});
    EXPECT_THAT(daemon, IsOk());
    return daemon.ok() ? *std::move(daemon) : nullptr;
  }

  // Runs copsed with the data folder of the test until it fails to start.
  DaemonProcess::Outcome FailToStart(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"--data", data_, "--grpc-address", "127.0.0.1:0",
                      "--http-address", "", "--metrics-address", ""});
    return DaemonProcess::Run(arguments);
  }

  const TemporaryFolder folder_;
  const std::string data_ = folder_.path() + "/data";
};

// ---- Serving ---------------------------------------------------------------

TEST_F(DaemonTest, ServesAndEndsInOrder) {
  const auto daemon = Start();
  ASSERT_NE(daemon, nullptr);
  auto channel = ChannelTo(*daemon);
  EXPECT_EQ(HealthOf(channel, ""), 1);
  EXPECT_EQ(HealthOf(channel, "copse.v1.CommitService"), 1);
  EXPECT_EQ(HealthOf(channel, "copse.v1.SearchService"), 1);
  EXPECT_TRUE(PushOne(channel, "c1").ok());
  // An idle channel of this library looks at its connection every 5 s only, and
  // the server would wait for it to take notice.
  channel = nullptr;
  EXPECT_EQ(daemon->Stop(SIGTERM), "exit code 0");
  EXPECT_THAT(daemon->log(),
              AllOf(HasSubstr(" INFO  starting version="),
                    HasSubstr(" INFO  store opened data="),
                    HasSubstr(" INFO  serving version="),
                    HasSubstr(" INFO  shutting down signal=TERM\n"),
                    HasSubstr(" INFO  store closed seconds="),
                    HasSubstr(" INFO  ended\n")));
  EXPECT_FALSE(std::filesystem::exists(daemon->ready_file()));
}

TEST_F(DaemonTest, EndsOnAnInterruptAsWell) {
  const auto daemon = Start();
  ASSERT_NE(daemon, nullptr);
  EXPECT_EQ(daemon->Stop(SIGINT), "exit code 0");
}

TEST_F(DaemonTest, NamesItsAddressesInTheReadyFile) {
  const auto daemon = Start();
  ASSERT_NE(daemon, nullptr);
  std::ifstream file(daemon->ready_file());
  const nlohmann::json ready = nlohmann::json::parse(file);
  EXPECT_EQ(ready["pid"], daemon->pid());
  EXPECT_THAT(std::string(ready["grpc_address"]), StartsWith("127.0.0.1:"));
  EXPECT_THAT(std::string(ready["metrics_address"]), StartsWith("127.0.0.1:"));
}

TEST_F(DaemonTest, CommitsSurviveAKillAndARestart) {
  auto daemon = Start();
  ASSERT_NE(daemon, nullptr);
  EXPECT_TRUE(PushOne(ChannelTo(*daemon), "c1").ok());
  EXPECT_EQ(daemon->Stop(SIGKILL), "signal 9");
  daemon = Start();
  ASSERT_NE(daemon, nullptr);
  EXPECT_EQ(GetCommit(ChannelTo(*daemon), "c1"), grpc::StatusCode::OK);
  EXPECT_EQ(PushOne(ChannelTo(*daemon), "c1").error_code(),
            grpc::StatusCode::ALREADY_EXISTS);
}

TEST_F(DaemonTest, APushInFlightEndsWithUnavailable) {
  auto daemon = Start();
  ASSERT_NE(daemon, nullptr);
  Push push(ChannelTo(*daemon));
  push.SendHeader("trees", "c1");
  push.SendDocument("oak", "the oak stands in the wood");
  push.WaitForProgress();
  daemon->Signal(SIGTERM);
  const grpc::Status status = push.End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE)
      << status.error_message();
  EXPECT_EQ(daemon->Wait(), "exit code 0");
  daemon = Start();
  ASSERT_NE(daemon, nullptr);
  EXPECT_EQ(GetCommit(ChannelTo(*daemon), "c1"), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(PushOne(ChannelTo(*daemon), "c1").ok());
}

TEST_F(DaemonTest, ServesMetricsAndHealthOverHttp) {
  const auto daemon = Start();
  ASSERT_NE(daemon, nullptr);
  EXPECT_TRUE(PushOne(ChannelTo(*daemon), "c1").ok());
  const HttpAnswer metrics = Get(daemon->metrics_address(), "/metrics");
  EXPECT_EQ(metrics.status, 200);
  constexpr absl::string_view kPushCount =
      "copse_grpc_requests_total{code=\"OK\",method=\"copse.v1."
      "CommitService/PushCommit\"} 1\n";
  constexpr absl::string_view kPushSecondsCount =
      "copse_grpc_request_duration_seconds_count{method=\"copse.v1."
      "CommitService/PushCommit\"} 1\n";
  for (const absl::string_view line : std::initializer_list<absl::string_view>{
           kPushCount, kPushSecondsCount, "copse_domains 1\n",
           "copse_commits 1\n", "copse_store_up 1\n",
           "copse_store_writable 1\n", "copse_pushes_in_flight 0\n",
           "copse_build_info{version=\"",
           "copse_disk_used_bytes{kind=\"meta\"} ",
           "copse_disk_used_bytes{kind=\"vectors\"} ", "copse_disk_free_bytes ",
           "copse_pool_budget_bytes 1073741824\n", "copse_pool_hits_total ",
           "process_resident_memory_bytes ", "process_open_fds "}) {
    EXPECT_THAT(metrics.body, HasSubstr(std::string(line)));
  }
  const HttpAnswer live = Get(daemon->metrics_address(), "/health/live");
  EXPECT_EQ(live.status, 200);
  EXPECT_EQ(live.body, "{\"status\":\"ok\"}");
  const HttpAnswer ready = Get(daemon->metrics_address(), "/health/ready");
  EXPECT_EQ(ready.status, 200);
  EXPECT_EQ(ready.body, "{\"ready\":true,\"search\":true,\"writes\":true}");
  EXPECT_EQ(Get(daemon->metrics_address(), "/").status, 404);
}

// Returns the names of metrics of copse in the alerts that we ship, without the
// suffix of a histogram's series.
std::set<std::string> MetricsOfAlerts() {
  std::ifstream file(COPSE_SOURCE_DIR "/deploy/prometheus/copse-alerts.yaml");
  std::set<std::string> names;
  for (std::string line; std::getline(file, line);) {
    const bool is_comment =
        absl::StartsWith(absl::StripAsciiWhitespace(line), "#");
    size_t place = is_comment ? std::string::npos : line.find("copse_");
    while (place != std::string::npos) {
      const size_t end = line.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyz0123456789_", place);
      names.emplace(
          absl::StripSuffix(line.substr(place, end - place), "_bucket"));
      place = line.find("copse_", end);
    }
  }
  return names;
}

TEST_F(DaemonTest, AlertsAskForMetricsThatAreThere) {
  const auto daemon = Start({"--embedding-url", "http://127.0.0.1:9",
                             "--embedding-model", "m", "--embedding-dimension",
                             "8", "--embedding-attempt-count-max", "1"});
  ASSERT_NE(daemon, nullptr);
  PushOne(ChannelTo(*daemon), "c1");
  const std::string metrics = Get(daemon->metrics_address(), "/metrics").body;
  const std::set<std::string> names = MetricsOfAlerts();
  EXPECT_GE(names.size(), 9);
  for (const std::string& name : names) {
    EXPECT_THAT(metrics, HasSubstr(absl::StrCat("# TYPE ", name, " ")));
  }
}

TEST_F(DaemonTest, LogsJsonOnRequestAndNoKeyEver) {
  absl::StatusOr<std::unique_ptr<DaemonProcess>> daemon = DaemonProcess::Start(
      {.data = data_,
       .arguments = {"--log-format", "json", "--log-level", "debug",
                     "--embedding-url", "http://127.0.0.1:9",
                     "--embedding-model", "m", "--embedding-dimension", "8",
                     "--embedding-attempt-count-max", "1",
                     "--embedding-api-key-env", "MODEL_KEY"},
       .environment = {{"MODEL_KEY", "sk-very-secret"}}});
  ASSERT_THAT(daemon, IsOk());
  EXPECT_EQ(PushOne(ChannelTo(**daemon), "c1").error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ((*daemon)->Stop(SIGTERM), "exit code 0");
  const std::string log = (*daemon)->log();
  EXPECT_THAT(log, Not(HasSubstr("secret")));
  for (const absl::string_view line :
       absl::StrSplit(log, '\n', absl::SkipEmpty())) {
    EXPECT_TRUE(nlohmann::json::accept(std::string(line))) << line;
  }
  EXPECT_THAT(log, HasSubstr("\"message\":\"embedding profile ready\","
                             "\"profile\":\"default\""));
}

// Returns the soft limit of the size of core dumps, as /proc has it.
std::string CoreDumpLimitOf(const DaemonProcess& daemon) {
  std::ifstream limits(absl::StrCat("/proc/", daemon.pid(), "/limits"));
  std::string line;
  while (std::getline(limits, line)) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "Max core file size")) {
      rest = absl::StripLeadingAsciiWhitespace(rest);
      return std::string(rest.substr(0, rest.find(' ')));
    }
  }
  return "";
}

TEST_F(DaemonTest, LogsWhyAJobFailedInWords) {
  // Metrics are no content: the pull of a commit is answered with 404.
  const auto other =
      DaemonProcess::Start({.data = folder_.path() + "/other"}).value();
  const auto daemon =
      Start({"--content-endpoint",
             absl::StrCat("http://", other->metrics_address(), "/nothing")});
  ASSERT_NE(daemon, nullptr);
  v1::PullCommitRequest request;
  request.set_domain("me/trees");
  request.set_commit("c1");
  request.mutable_create_domain();
  grpc::ClientContext context;
  v1::Job job;
  ASSERT_TRUE(v1::CommitService::NewStub(ChannelTo(*daemon))
                  ->PullCommit(&context, request, &job)
                  .ok());
  while (!absl::StrContains(daemon->log(), "job failed")) {
  }
  EXPECT_THAT(daemon->log(), AllOf(HasSubstr(" reason=CONTENT_REFUSED error="),
                                   Not(HasSubstr("copse.dev/error-reason"))));
}

TEST_F(DaemonTest, LeavesNoCoreDumpUnlessToldTo) {
  rlimit limit = {};
  ASSERT_EQ(::getrlimit(RLIMIT_CORE, &limit), 0);
  if (limit.rlim_max < 4096) {
    GTEST_SKIP() << "the system allows no core dumps";
  }
  const rlimit raised = {.rlim_cur = 4096, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_CORE, &raised), 0);
  {
    const auto daemon = Start();
    ASSERT_NE(daemon, nullptr);
    EXPECT_EQ(CoreDumpLimitOf(*daemon), "1");
  }
  absl::StatusOr<std::unique_ptr<DaemonProcess>> daemon = DaemonProcess::Start(
      {.data = data_, .arguments = {"--core-dumps", "true"}});
  ASSERT_THAT(daemon, IsOk());
  EXPECT_EQ(CoreDumpLimitOf(**daemon), "4096");
  ::setrlimit(RLIMIT_CORE, &limit);
}

TEST_F(DaemonTest, ItsFilesAreForItsUserAlone) {
  const auto daemon = Start();
  ASSERT_NE(daemon, nullptr);
  EXPECT_TRUE(PushOne(ChannelTo(*daemon), "c1").ok());
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(data_)) {
    struct stat status = {};
    ASSERT_EQ(::lstat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 077, 0) << entry.path();
  }
}

// Creates domains of 4 KiB until the store cannot write one; returns whether
// that happened.
bool CreateDomainsUntilRefused(const std::shared_ptr<grpc::Channel>& channel) {
  for (int i = 0; i < 100; ++i) {
    grpc::ClientContext context;
    v1::CreateDomainRequest request;
    request.set_domain(absl::StrCat("domain", i));
    request.mutable_settings()->set_description(std::string(4000, 'd'));
    v1::Domain response;
    if (!v1::DomainService::NewStub(channel)
             ->CreateDomain(&context, request, &response)
             .ok()) {
      return true;
    }
  }
  return false;
}

TEST_F(DaemonTest, ReadingGoesOnWhenTheStoreRefusesWrites) {
  auto daemon = Start();
  ASSERT_NE(daemon, nullptr);
  auto channel = ChannelTo(*daemon);
  ASSERT_TRUE(PushOne(channel, "c1").ok());
  // From now on no file of the daemon may grow beyond 16 KiB, as on a disk that
  // fails: the write-ahead log of the store cannot be written.
  const rlimit limit = {.rlim_cur = 16384, .rlim_max = 16384};
  ASSERT_EQ(::prlimit(daemon->pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  ASSERT_TRUE(CreateDomainsUntilRefused(channel));
  // The daemon looks once a second.
  while (HealthOf(channel, "copse.v1.CommitService") == 1) {
  }
  EXPECT_EQ(HealthOf(channel, "copse.v1.CommitService"), 2);
  EXPECT_EQ(HealthOf(channel, ""), 1);
  EXPECT_EQ(HealthOf(channel, "copse.v1.SearchService"), 1);
  const HttpAnswer ready = Get(daemon->metrics_address(), "/health/ready");
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(ready.body, "{\"ready\":false,\"search\":true,\"writes\":false}");
  EXPECT_THAT(Get(daemon->metrics_address(), "/metrics").body,
              HasSubstr("copse_store_writable 0\n"));
  EXPECT_EQ(GetCommit(channel, "c1"), grpc::StatusCode::OK);
  EXPECT_FALSE(PushOne(channel, "c2").ok());
  EXPECT_THAT(daemon->log(), HasSubstr(" ERROR writes are refused until copsed "
                                       "is restarted; reading goes on error="));
  channel = nullptr;
  EXPECT_EQ(daemon->Stop(SIGTERM), "exit code 0") << daemon->log();
  daemon = Start();
  ASSERT_NE(daemon, nullptr);
  EXPECT_EQ(GetCommit(ChannelTo(*daemon), "c1"), grpc::StatusCode::OK);
  EXPECT_TRUE(PushOne(ChannelTo(*daemon), "c2").ok());
}

TEST_F(DaemonTest, ReadingGoesOnWhenTheDiskIsFull) {
  const auto daemon = Start({"--free-space-min-bytes", "1PiB"});
  ASSERT_NE(daemon, nullptr);
  const HttpAnswer ready = Get(daemon->metrics_address(), "/health/ready");
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(ready.body, "{\"ready\":false,\"search\":true,\"writes\":false}");
  EXPECT_THAT(Get(daemon->metrics_address(), "/metrics").body,
              HasSubstr("copse_store_writable 0\n"));
  const auto channel = ChannelTo(*daemon);
  // The daemon looks once a second.
  while (HealthOf(channel, "copse.v1.CommitService") == 1) {
  }
  EXPECT_EQ(HealthOf(channel, "copse.v1.CommitService"), 2);
  EXPECT_EQ(HealthOf(channel, "copse.v1.SearchService"), 1);
  EXPECT_EQ(GetCommit(channel, "c1"), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(
      daemon->log(),
      AllOf(HasSubstr(" WARN "),
            HasSubstr("writes are refused until the disk has space; reading "
                      "goes on error=")));
}

// ---- Failed starts ---------------------------------------------------------

TEST_F(DaemonTest, RefusesAFolderThatAnotherDaemonHasOpen) {
  const auto daemon = Start();
  ASSERT_NE(daemon, nullptr);
  const DaemonProcess::Outcome outcome = FailToStart({});
  EXPECT_EQ(outcome.end, "exit code 1");
  EXPECT_THAT(outcome.log,
              AllOf(HasSubstr("cannot open the data folder"), HasSubstr(data_),
                    HasSubstr(absl::StrCat(daemon->pid())),
                    HasSubstr("another folder; the setting is 'data'")));
}

TEST_F(DaemonTest, RefusesAFolderOfANewerFormat) {
  ASSERT_NE(Start(), nullptr);
  // As a newer copse would write it; see versioning/data_folder.h.
  const std::string lines = "copse data folder\nformat 3\nstate ready\n";
  std::ofstream(data_ + "/FORMAT")
      << lines
      << absl::StrFormat("checksum %016x\n",
                         XXH3_64bits(lines.data(), lines.size()));
  const DaemonProcess::Outcome outcome = FailToStart({});
  EXPECT_EQ(outcome.end, "exit code 1");
  EXPECT_THAT(outcome.log,
              AllOf(HasSubstr("cannot open the data folder"),
                    HasSubstr("install the version of copse that wrote it")));
}

TEST_F(DaemonTest, RefusesADamagedFolderAndSaysWhatToDo) {
  ASSERT_NE(Start(), nullptr);
  std::filesystem::remove_all(data_ + "/meta");
  const DaemonProcess::Outcome outcome = FailToStart({});
  EXPECT_EQ(outcome.end, "exit code 1");
  EXPECT_THAT(outcome.log, HasSubstr("restore the folder from a backup"));
}

TEST_F(DaemonTest, RefusesAFolderOfSomebodyElse) {
  std::filesystem::create_directory(data_);
  std::ofstream(data_ + "/thesis.tex") << "\\documentclass{article}";
  const DaemonProcess::Outcome outcome = FailToStart({});
  EXPECT_EQ(outcome.end, "exit code 1");
  EXPECT_THAT(outcome.log, HasSubstr("set 'data' to an empty"));
}

TEST_F(DaemonTest, NamesTheSettingOfAnAddressThatIsTaken) {
  const auto daemon = Start();
  ASSERT_NE(daemon, nullptr);
  const std::string other = folder_.path() + "/other";
  DaemonProcess::Outcome outcome = DaemonProcess::Run(
      {"--data", other, "--grpc-address", daemon->grpc_address(),
       "--http-address", "", "--metrics-address", ""});
  EXPECT_EQ(outcome.end, "exit code 1");
  EXPECT_THAT(outcome.log, AllOf(HasSubstr(daemon->grpc_address()),
                                 HasSubstr("Address already in use"),
                                 HasSubstr("set 'grpc_address' to"),
                                 Not(HasSubstr("chttp2_server.cc"))));
  outcome = DaemonProcess::Run(
      {"--data", other, "--grpc-address", "127.0.0.1:0", "--http-address",
       daemon->http_address(), "--metrics-address", ""});
  EXPECT_EQ(outcome.end, "exit code 1");
  EXPECT_THAT(outcome.log, HasSubstr("set 'http_address' to"));
  outcome = DaemonProcess::Run(
      {"--data", other, "--grpc-address", "127.0.0.1:0", "--http-address", "",
       "--metrics-address", daemon->metrics_address()});
  EXPECT_EQ(outcome.end, "exit code 1");
  EXPECT_THAT(outcome.log, AllOf(HasSubstr(daemon->metrics_address()),
                                 HasSubstr("set 'metrics_address' to")));
}

TEST_F(DaemonTest, NamesTheCertificateThatCannotBeRead) {
  const std::string missing = folder_.path() + "/nope.pem";
  const DaemonProcess::Outcome outcome = FailToStart(
      {"--http-address", "127.0.0.1:0", "--http-tls-certificate-file", missing,
       "--http-tls-key-file", missing});
  EXPECT_EQ(outcome.end, "exit code 1");
  EXPECT_THAT(
      outcome.log,
      AllOf(HasSubstr(absl::StrCat("cannot open '", missing,
                                   "': No such file or directory")),
            HasSubstr("'http_tls_certificate_file'"), Not(HasSubstr("PEM"))));
}

TEST_F(DaemonTest, NamesTheVariableOfAMissingKey) {
  const DaemonProcess::Outcome outcome = FailToStart(
      {"--embedding-url", "http://127.0.0.1:9", "--embedding-model", "m",
       "--embedding-dimension", "8", "--embedding-api-key-env", "NO_SUCH_KEY"});
  EXPECT_EQ(outcome.end, "exit code 1");
  EXPECT_THAT(outcome.log, HasSubstr("NO_SUCH_KEY"));
}

TEST_F(DaemonTest, RefusesAnOpenAddressWithoutThePermission) {
  const DaemonProcess::Outcome outcome =
      FailToStart({"--grpc-address", "0.0.0.0:0"});
  EXPECT_EQ(outcome.end, "exit code 2");
  EXPECT_THAT(outcome.log,
              StartsWith("copsed: flag --grpc-address: grpc_address is "
                         "0.0.0.0:0, which other machines can reach"));
  EXPECT_THAT(outcome.log, HasSubstr("grpc_allow_unauthenticated: true"));
  EXPECT_FALSE(std::filesystem::exists(data_));
}

TEST_F(DaemonTest, RefusesAnOpenAddressWithTheDefaultSecretOfAnyOrigin) {
  const std::string file = folder_.path() + "/secret";
  std::ofstream(file) << "root\n";
  const std::vector<std::string> open = {
      "--data",         data_,       "--grpc-address",    "127.0.0.1:0",
      "--http-address", "0.0.0.0:0", "--metrics-address", ""};
  const auto run = [&](std::vector<std::string> more, const char* variable) {
    more.insert(more.begin(), open.begin(), open.end());
    return DaemonProcess::Run(more, {{variable, "root"}});
  };
  for (const DaemonProcess::Outcome& outcome :
       {run({}, "VECTORLINK_ADMIN_SECRET"),
        run({"--http-admin-secret-env", "HTTP_SECRET"}, "HTTP_SECRET"),
        run({"--http-admin-secret-file", file}, "UNUSED")}) {
    EXPECT_EQ(outcome.end, "exit code 1");
    EXPECT_THAT(
        outcome.log,
        AllOf(HasSubstr("http_address is 0.0.0.0:0, which other machines can "
                        "reach, and the secret is the default one"),
              HasSubstr("allow_default_secret: true")));
    EXPECT_FALSE(std::filesystem::exists(data_));
  }
}

TEST_F(DaemonTest, UsageErrorsExitWithTwo) {
  EXPECT_EQ(FailToStart({"--nonsense"}).end, "exit code 2");
  EXPECT_EQ(DaemonProcess::Run({}).end, "exit code 2");
  EXPECT_EQ(DaemonProcess::Run({"--data", data_}, {{"COPSE_DATE", "x"}}).log,
            "copsed: environment COPSE_DATE: unknown variable, did you mean "
            "'COPSE_DATA'?\n");
}

// ---- Other commands --------------------------------------------------------

TEST_F(DaemonTest, ExplainsItself) {
  DaemonProcess::Outcome outcome = DaemonProcess::Run({"--help"});
  EXPECT_EQ(outcome.end, "exit code 0");
  EXPECT_THAT(outcome.output, HasSubstr("--pool-size-bytes SIZE"));
  outcome = DaemonProcess::Run({"--version"});
  EXPECT_EQ(outcome.end, "exit code 0");
  EXPECT_THAT(outcome.output, StartsWith("copsed "));
  outcome = DaemonProcess::Run({"--print-config", "--forest-fan-out", "64"});
  EXPECT_EQ(outcome.end, "exit code 0");
  EXPECT_THAT(outcome.output, HasSubstr("fan_out: 64"));
  outcome = DaemonProcess::Run({"--print-sample-config"});
  EXPECT_EQ(outcome.end, "exit code 0");
  EXPECT_THAT(outcome.output, HasSubstr("\ndata: /var/lib/copse\n"));
}

// Changes the last byte that is not zero of each segment of vectors: one of the
// last row.
void DamageVectors(const std::string& data) {
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(data)) {
    const std::string name = entry.path().filename().string();
    if (!absl::StartsWith(name, "vectors-") &&
        !absl::EndsWith(name, ".vectors")) {
      continue;
    }
    std::fstream file(entry.path(),
                      std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file),
                      std::istreambuf_iterator<char>()};
    const size_t place = bytes.find_last_not_of('\0');
    ASSERT_NE(place, std::string::npos);
    file.clear();
    file.seekp(static_cast<std::streamoff>(place));
    file.put(static_cast<char>(bytes[place] ^ 0x10));
  }
}

TEST_F(DaemonTest, VerifiesAFolderOffline) {
  auto daemon = Start();
  ASSERT_NE(daemon, nullptr);
  EXPECT_TRUE(PushOne(ChannelTo(*daemon), "c1").ok());
  DaemonProcess::Outcome outcome =
      DaemonProcess::Run({"verify", "--data", data_});
  EXPECT_EQ(outcome.end, "exit code 1");  // The daemon has it open.
  EXPECT_EQ(daemon->Stop(SIGTERM), "exit code 0");

  outcome = DaemonProcess::Run({"verify", "--data", data_});
  EXPECT_EQ(outcome.end, "exit code 0") << outcome.log;
  EXPECT_THAT(outcome.output, HasSubstr("0  trees\n"));
  outcome = DaemonProcess::Run({"verify", "--data", data_, "--json"});
  EXPECT_EQ(outcome.end, "exit code 0");
  nlohmann::json report = nlohmann::json::parse(outcome.output);
  EXPECT_EQ(report["damaged"], false);
  EXPECT_EQ(report["domains"][0]["domain"], "trees");
  EXPECT_EQ(report["domains"][0]["commits_checked"], 1);
  EXPECT_EQ(report["domains"][0]["rows_checked"], 1);

  DamageVectors(data_);
  outcome = DaemonProcess::Run({"verify", "--data", data_, "--json"});
  EXPECT_EQ(outcome.end, "exit code 3");
  report = nlohmann::json::parse(outcome.output);
  EXPECT_EQ(report["damaged"], true);
  EXPECT_EQ(report["domains"][0]["findings"][0]["commits"][0], "c1");
  outcome = DaemonProcess::Run({"verify", "--data", data_});
  EXPECT_EQ(outcome.end, "exit code 3");
  EXPECT_THAT(outcome.output, HasSubstr("1  trees\n"));
}

TEST_F(DaemonTest, RestoresABackup) {
  const std::string backups = folder_.path() + "/backups";
  auto daemon = Start({"--backup-folder", backups});
  ASSERT_NE(daemon, nullptr);
  EXPECT_TRUE(PushOne(ChannelTo(*daemon), "c1").ok());
  {
    const auto admin = v1::AdminService::NewStub(ChannelTo(*daemon));
    grpc::ClientContext context;
    const auto reader = admin->CreateBackup(&context, {});
    v1::CreateBackupResponse response;
    while (reader->Read(&response)) {
    }
    EXPECT_TRUE(reader->Finish().ok());
    EXPECT_EQ(response.backup().id(), 1);
  }
  EXPECT_EQ(daemon->Stop(SIGTERM), "exit code 0");
  DamageVectors(data_);

  const std::vector<std::string> restore = {"restore", "--backup-folder",
                                            backups, "--data"};
  const auto run = [](std::vector<std::string> arguments,
                      const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return DaemonProcess::Run(arguments);
  };
  DaemonProcess::Outcome outcome = run(restore, {data_});
  EXPECT_EQ(outcome.end, "exit code 1");
  EXPECT_THAT(outcome.log, HasSubstr("is restored into an empty folder"));
  const std::string restored = folder_.path() + "/restored";
  outcome = run(restore, {restored, "--backup", "1", "--json"});
  EXPECT_EQ(outcome.end, "exit code 0") << outcome.log;
  nlohmann::json report = nlohmann::json::parse(outcome.output);
  EXPECT_EQ(report["backup"]["id"], 1);
  EXPECT_EQ(report["backup"]["commit_count"], 1);
  EXPECT_EQ(report["verify"]["damaged"], false);
  EXPECT_EQ(report["verify"]["domains"][0]["rows_checked"], 1);
  outcome = run(restore, {folder_.path() + "/again"});
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("restored backup 1 of 20"),
                                    HasSubstr("0  trees\n")));

  const std::vector<std::string> list = {"backups", "--backup-folder", backups};
  outcome = run(list, {});
  EXPECT_EQ(outcome.end, "exit code 0") << outcome.log;
  EXPECT_THAT(outcome.output, HasSubstr("\n     1  20"));
  EXPECT_THAT(outcome.output, Not(HasSubstr("verified")));
  EXPECT_THAT(run(list, {"--verify"}).output,
              AllOf(HasSubstr("verified every checksum of 1 backup, "),
                    HasSubstr(" together: 0 damaged\n")));
  DamageVectors(backups + "/vectors");
  outcome = run(list, {"--verify", "--json"});
  EXPECT_EQ(outcome.end, "exit code 3");
  report = nlohmann::json::parse(outcome.output);
  EXPECT_THAT(std::string(report["backups"][0]["error"]),
              HasSubstr(".vectors': checksum is"));
  outcome = run(restore, {folder_.path() + "/damaged"});
  EXPECT_EQ(outcome.end, "exit code 3");
  EXPECT_THAT(outcome.log, AllOf(HasSubstr(".vectors': checksum is"),
                                 HasSubstr("; nothing was restored into '"),
                                 HasSubstr("; there is no other backup")));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/damaged"));
}

TEST_F(DaemonTest, ListsBackupsOnlyOfABackupFolder) {
  const auto list = [](const std::string& folder) {
    return DaemonProcess::Run(
        {"backups", "--backup-folder", folder, "--verify"});
  };
  const std::string path = folder_.path() + "/backups";
  DaemonProcess::Outcome outcome = list(path);
  EXPECT_EQ(outcome.end, "exit code 1");
  EXPECT_THAT(outcome.log,
              HasSubstr("setting 'backup_folder': backup folder '" + path +
                        "' does not exist"));
  std::filesystem::create_directory(path);
  outcome = list(path);
  EXPECT_EQ(outcome.end, "exit code 0") << outcome.log;
  EXPECT_EQ(outcome.output,
            "no backups\nverified every checksum of 0 backups, 0 B together: 0 "
            "damaged\n");
  std::ofstream(path + "/notes.txt") << "mine";
  outcome = list(path);
  EXPECT_EQ(outcome.end, "exit code 1");
  EXPECT_THAT(outcome.log,
              AllOf(HasSubstr("setting 'backup_folder': "),
                    HasSubstr("holds 'notes.txt', which is no part of a "
                              "backup")));
}

TEST_F(DaemonTest, RefusesABackupFolderInTheDataFolder) {
  const DaemonProcess::Outcome outcome =
      FailToStart({"--backup-folder", data_ + "/backups"});
  EXPECT_EQ(outcome.end, "exit code 1");
  EXPECT_THAT(outcome.log, AllOf(HasSubstr("setting 'backup_folder'"),
                                 HasSubstr("one lies in the other")));
}

TEST_F(DaemonTest, VerifyingMakesNoFolder) {
  const DaemonProcess::Outcome outcome =
      DaemonProcess::Run({"verify", "--data", data_});
  EXPECT_EQ(outcome.end, "exit code 1");
  EXPECT_EQ(outcome.log, absl::StrCat("copsed: '", data_,
                                      "' is no data folder; set 'data' to the "
                                      "folder of a daemon\n"));
  EXPECT_FALSE(std::filesystem::exists(data_));
}

}  // namespace
}  // namespace copse
