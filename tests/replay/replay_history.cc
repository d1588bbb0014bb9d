// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Pushes a recorded history through gRPC, commit by commit, and proves random
// commits against domains that are built from scratch:
//
//   zstd -dc history.ndjson.zst | replay_history --server 127.0.0.1:7373
//
// A line of the history is one commit: {"commit", "parent", "time", "ops":
// [{"op": "Inserted|Changed|Deleted", "id", "string"}]}. The result is one JSON
// object on standard output; the exit code is 1 if a push failed or a commit
// differs from its rebuild.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"
#include "nlohmann/json.hpp"

#include "copse/v1/commit_service.grpc.pb.h"
#include "copse/v1/domain_service.grpc.pb.h"
#include "copse/v1/search_service.grpc.pb.h"

namespace copse {
namespace {

using nlohmann::json;

struct Options {
  std::string file = "-";
  std::string server = "127.0.0.1:7373";
  std::string domain = "replay";
  int64_t commit_count_max = INT64_MAX;
  int64_t check_count = 20;
  uint64_t seed = 1;
};

// A channel to the server and what the program asks of it.
class Server {
 public:
  explicit Server(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(64 << 20);
    const auto channel = grpc::CreateCustomChannel(
        address, grpc::InsecureChannelCredentials(), arguments);
    commits_ = v1::CommitService::NewStub(channel);
    domains_ = v1::DomainService::NewStub(channel);
    searches_ = v1::SearchService::NewStub(channel);
  }

  grpc::Status CreateDomain(const std::string& domain) {
    grpc::ClientContext context;
    v1::CreateDomainRequest request;
    request.set_domain(domain);
    v1::Domain response;
    return domains_->CreateDomain(&context, request, &response);
  }

  // Pushes `operations` as `commit` and returns the complete commit in
  // `result`.
  grpc::Status Push(const v1::PushCommitRequest::Header& header,
                    const std::vector<v1::Operation>& operations,
                    v1::Commit& result) {
    grpc::ClientContext context;
    auto stream = commits_->PushCommit(&context);
    v1::PushCommitRequest request;
    *request.mutable_header() = header;
    bool open = stream->Write(request);
    constexpr size_t kBatchSize = 500;
    for (size_t i = 0; open && i < operations.size(); i += kBatchSize) {
      request.Clear();
      for (size_t j = i; j < std::min(operations.size(), i + kBatchSize); ++j) {
        *request.mutable_operations()->add_operations() = operations[j];
      }
      open = stream->Write(request);
    }
    if (open) {
      request.Clear();
      request.mutable_finish()->set_operation_count(
          static_cast<int64_t>(operations.size()));
      stream->WriteLast(request, grpc::WriteOptions());
    }
    v1::PushCommitResponse response;
    while (stream->Read(&response)) {
      if (response.has_commit()) {
        result = response.commit();
      }
    }
    return stream->Finish();
  }

  // Returns the IDs that a commit holds.
  std::set<std::string> Export(const std::string& domain,
                               const std::string& commit) {
    grpc::ClientContext context;
    v1::ExportDocumentsRequest request;
    request.set_domain(domain);
    request.mutable_at()->set_commit(commit);
    auto stream = searches_->ExportDocuments(&context, request);
    v1::ExportDocumentsResponse response;
    std::set<std::string> ids;
    while (stream->Read(&response)) {
      for (const v1::StoredDocument& document : response.documents()) {
        ids.insert(document.document_id());
      }
    }
    const grpc::Status status = stream->Finish();
    if (!status.ok()) {
      std::cerr << "export of " << commit << ": " << status.error_message()
                << "\n";
      ids.clear();
    }
    return ids;
  }

 private:
  std::unique_ptr<v1::CommitService::Stub> commits_;
  std::unique_ptr<v1::DomainService::Stub> domains_;
  std::unique_ptr<v1::SearchService::Stub> searches_;
};

v1::Operation ToOperation(const json& op) {
  v1::Operation operation;
  const auto& kind = op.at("op").get_ref<const std::string&>();
  if (kind == "Deleted") {
    operation.set_delete_document_id(op.at("id").get<std::string>());
    return operation;
  }
  v1::Document& document = kind == "Inserted" ? *operation.mutable_insert()
                                              : *operation.mutable_replace();
  document.set_document_id(op.at("id").get<std::string>());
  document.set_text(op.at("string").get<std::string>());
  return operation;
}

// What a commit that was picked for a check holds.
struct Sample {
  std::string commit;
  std::string fingerprint;
  std::map<std::string, std::string> documents;
};

class Replay {
 public:
  Replay(Options options, std::istream& history)
      : options_(std::move(options)),
        history_(history),
        server_(options_.server) {}

  int Run() {
    if (!CountLines() || !Created(options_.domain) || !PushAll()) {
      return 1;
    }
    int64_t difference_count = 0;
    for (size_t i = 0; i < samples_.size(); ++i) {
      difference_count += Matches(samples_[i], i) ? 0 : 1;
    }
    const json result = {
        {"commits", commit_count_},
        {"operations", operation_count_},
        {"documents_at_end", documents_.size()},
        {"seconds", seconds_},
        {"commits_per_second",
         static_cast<double>(commit_count_) / std::max(seconds_, 1e-9)},
        {"p50_ms", Percentile(0.5)},
        {"p99_ms", Percentile(0.99)},
        {"upserts", upsert_count_},
        {"upserted_text_bytes", upserted_text_size_bytes_},
        {"seed", options_.seed},
        {"commits_checked", samples_.size()},
        {"commits_different", difference_count}};
    std::cout << result.dump(2) << "\n";
    return difference_count == 0 ? 0 : 1;
  }

 private:
  // Reads all lines, so that reading is not measured, and picks the samples.
  bool CountLines() {
    for (std::string line;
         static_cast<int64_t>(lines_.size()) < options_.commit_count_max &&
         std::getline(history_, line);) {
      lines_.push_back(std::move(line));
    }
    std::mt19937_64 random(options_.seed);
    while (static_cast<int64_t>(picked_.size()) <
           std::min<int64_t>(options_.check_count,
                             static_cast<int64_t>(lines_.size()))) {
      picked_.insert(random() % lines_.size());
    }
    if (lines_.empty()) {
      std::cerr << "the history is empty\n";
    }
    return !lines_.empty();
  }

  bool Created(const std::string& domain) {
    const grpc::Status status = server_.CreateDomain(domain);
    if (!status.ok()) {
      std::cerr << "domain " << domain << ": " << status.error_message()
                << "\n";
    }
    return status.ok();
  }

  bool PushAll() {
    for (size_t i = 0; i < lines_.size(); ++i) {
      const json line = json::parse(lines_[i], nullptr, false);
      if (line.is_discarded()) {
        std::cerr << "line " << i + 1 << " is not JSON\n";
        return false;
      }
      if (!PushLine(line, picked_.contains(i))) {
        return false;
      }
      if (commit_count_ % 1000 == 0) {
        std::cerr << commit_count_ << " of " << lines_.size() << " commits, "
                  << seconds_ << " s\n";
      }
    }
    return true;
  }

  bool PushLine(const json& line, bool is_picked) {
    v1::PushCommitRequest::Header header;
    header.set_domain(options_.domain);
    header.set_commit(line.at("commit").get<std::string>());
    header.set_branch("main");
    if (commit_count_ > 0 && line.at("parent").is_string()) {
      header.set_parent_commit(line.at("parent").get<std::string>());
    }
    header.mutable_commit_time()->set_seconds(line.at("time").get<int64_t>());
    std::vector<v1::Operation> operations;
    for (const json& op : line.at("ops")) {
      operations.push_back(ToOperation(op));
    }
    v1::Commit commit;
    const auto began = std::chrono::steady_clock::now();
    const grpc::Status status = server_.Push(header, operations, commit);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began)
            .count();
    seconds_ += seconds;
    milliseconds_.push_back(1e3 * seconds);
    if (!status.ok()) {
      std::cerr << "commit " << header.commit() << ": "
                << status.error_message() << "\n";
      return false;
    }
    ++commit_count_;
    operation_count_ += static_cast<int64_t>(operations.size());
    Apply(line.at("ops"));
    if (is_picked) {
      samples_.push_back({header.commit(), commit.fingerprint(), documents_});
    }
    return true;
  }

  void Apply(const json& ops) {
    for (const json& op : ops) {
      const auto id = op.at("id").get<std::string>();
      if (op.at("op") == "Deleted") {
        documents_.erase(id);
      } else {
        auto text = op.at("string").get<std::string>();
        ++upsert_count_;
        upserted_text_size_bytes_ += static_cast<int64_t>(text.size());
        documents_[id] = std::move(text);
      }
    }
  }

  // Returns the milliseconds that `share` of the pushes did not exceed.
  double Percentile(double share) {
    const auto place = static_cast<size_t>(
        share * static_cast<double>(milliseconds_.size() - 1));
    std::nth_element(milliseconds_.begin(),
                     milliseconds_.begin() + static_cast<ptrdiff_t>(place),
                     milliseconds_.end());
    return milliseconds_[place];
  }

  // Returns whether the commit holds what it should, and what a domain holds
  // that was given the same documents at once.
  bool Matches(const Sample& sample, size_t number) {
    std::set<std::string> ids;
    std::vector<v1::Operation> operations;
    for (const auto& [id, text] : sample.documents) {
      ids.insert(id);
      v1::Operation operation;
      operation.mutable_insert()->set_document_id(id);
      operation.mutable_insert()->set_text(text);
      operations.push_back(std::move(operation));
    }
    v1::PushCommitRequest::Header header;
    header.set_domain(absl::StrCat(options_.domain, "-scratch-", number));
    header.set_commit("only");
    v1::Commit rebuilt;
    if (!Created(header.domain()) ||
        !server_.Push(header, operations, rebuilt).ok()) {
      std::cerr << sample.commit << ": the rebuild failed\n";
      return false;
    }
    bool matches = true;
    if (rebuilt.fingerprint() != sample.fingerprint) {
      std::cerr << sample.commit << ": fingerprint is "
                << absl::BytesToHexString(sample.fingerprint) << ", rebuilt "
                << absl::BytesToHexString(rebuilt.fingerprint()) << "\n";
      matches = false;
    }
    if (server_.Export(options_.domain, sample.commit) != ids) {
      std::cerr << sample.commit << ": the exported IDs differ\n";
      matches = false;
    }
    return matches;
  }

  Options options_;
  std::istream& history_;
  Server server_;
  std::vector<std::string> lines_;
  std::set<uint64_t> picked_;
  std::map<std::string, std::string> documents_;
  std::vector<Sample> samples_;
  int64_t commit_count_ = 0;
  int64_t operation_count_ = 0;
  int64_t upsert_count_ = 0;
  int64_t upserted_text_size_bytes_ = 0;
  double seconds_ = 0;
  std::vector<double> milliseconds_;  // Of each push.
};

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Pushes a recorded history through gRPC and checks the result");
  app.add_option("file", options.file, "history, one JSON object per line");
  app.add_option("--server", options.server, "address of copsed");
  app.add_option("--domain", options.domain, "domain to create");
  app.add_option("--max-commits", options.commit_count_max,
                 "how many commits to push");
  app.add_option("--checks", options.check_count,
                 "how many random commits to prove");
  app.add_option("--seed", options.seed, "picks the commits to prove");
  CLI11_PARSE(app, argc, argv);
  if (options.file == "-") {
    return Replay(options, std::cin).Run();
  }
  std::ifstream file(options.file);
  if (!file) {
    std::cerr << options.file << ": cannot be read\n";
    return 2;
  }
  return Replay(options, file).Run();
}

}  // namespace
}  // namespace copse

int main(int argc, char** argv) { return copse::Main(argc, argv); }
