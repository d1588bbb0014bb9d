// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// copse job list|show|watch|cancel|resume

#include <cstdint>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "grpcpp/support/status.h"

#include "clients/cli/context.h"
#include "clients/cli/interrupt_note.h"
#include "clients/cli/job_watch.h"
#include "clients/cli/json_writer.h"
#include "clients/cli/message_json.h"
#include "clients/cli/options.h"
#include "clients/cli/push_report.h"
#include "clients/cli/text_table.h"
#include "clients/cli/utf8.h"
#include "clients/cpp/error.h"
#include "clients/cpp/status_macros.h"
#include "copse/v1/job_service.pb.h"

namespace copse {
namespace {

struct JobFlags {
  std::string job_id;
  std::string domain;
  std::string state;
  std::string kind;
  int64_t limit = 50;
};

std::string KindName(const v1::Job& job) {
  const auto* value = v1::Job::Kind_descriptor()->FindValueByNumber(job.kind());
  return value == nullptr ? "unknown" : EnumValueName(*value);
}

std::string StateName(const v1::Job& job) {
  const auto* value =
      v1::Job::State_descriptor()->FindValueByNumber(job.state());
  return value == nullptr ? "unknown" : EnumValueName(*value);
}

// The names of all values but that of the default, which no job has.
std::string EnumNames(const google::protobuf::EnumDescriptor& descriptor) {
  std::string names;
  for (int i = 1; i < descriptor.value_count(); ++i) {
    absl::StrAppend(&names, i == 1 ? "" : ", ",
                    EnumValueName(*descriptor.value(i)));
  }
  return names;
}

// Reads "running" as STATE_RUNNING of the enum that `descriptor` is of.
absl::StatusOr<int> ParseEnum(
    const google::protobuf::EnumDescriptor& descriptor,
    const std::string& prefix, const std::string& option,
    const std::string& text) {
  for (int i = 1; i < descriptor.value_count(); ++i) {
    if (descriptor.value(i)->name() ==
        absl::StrCat(prefix, absl::AsciiStrToUpper(text))) {
      return descriptor.value(i)->number();
    }
  }
  return UsageError(absl::StrFormat("%s is '%s', expected one of %s", option,
                                    Printable(text), EnumNames(descriptor)));
}

// Returns why the job failed, as every other error of the server.
absl::Status ErrorOf(const v1::Job& job) {
  return FromGrpcStatus(
      grpc::Status(static_cast<grpc::StatusCode>(job.error().code()),
                   job.error().message(), job.error().SerializeAsString()));
}

void WriteJob(const v1::Job& job, JsonWriter& json) {
  v1::Job rest = job;
  rest.clear_error();
  json.BeginObject();
  WriteFields(rest, json);
  if (job.has_error()) {
    json.Key("error");
    WriteError(ErrorOf(job), job.error().message(), json);
  }
  json.EndObject();
}

std::string Percent(const v1::Job& job) {
  const v1::Job::Progress& progress = job.progress();
  if (progress.total_count() > 0) {
    return absl::StrFormat(
        "%d%%", 100 * progress.done_count() / progress.total_count());
  }
  return job.state() == v1::Job::STATE_SUCCEEDED ? "100%" : "-";
}

// How far the job is, in one line.
std::string FormatProgress(const v1::Job& job) {
  const v1::Job::Progress& progress = job.progress();
  std::string line = StateName(job);
  if (job.state() != v1::Job::STATE_SUCCEEDED && !progress.phase().empty()) {
    absl::StrAppend(&line, ", ", progress.phase());
  }
  if (progress.total_count() > 0) {
    absl::StrAppend(&line, ", ", FormatCount(progress.done_count()), " of ",
                    FormatCount(progress.total_count()));
  } else if (progress.done_count() > 0) {
    absl::StrAppend(&line, ", ", FormatCount(progress.done_count()), " done");
  }
  if (progress.rate() >= 1) {
    absl::StrAppend(&line, ", ",
                    FormatCount(static_cast<int64_t>(progress.rate())), "/s");
  }
  if (progress.has_seconds_left()) {
    absl::StrAppend(&line, ", ", FormatSeconds(progress.seconds_left()),
                    " left");
  }
  if (progress.failed_count() > 0) {
    absl::StrAppend(&line, ", ", FormatCount(progress.failed_count()),
                    " failed");
  }
  if (job.has_retry_time()) {
    absl::StrAppend(&line, ", goes on at ",
                    FormatTimestampShort(job.retry_time()));
  }
  return line;
}

std::string FormatJob(const v1::Job& job) {
  const v1::Job::Progress& progress = job.progress();
  TextTable table({{"job"}, {job.job_id()}});
  const auto add = [&table](const std::string& name, const std::string& value) {
    if (!value.empty()) {
      table.AddRow({name, value});
    }
  };
  add("kind", KindName(job));
  add("state", FormatProgress(job));
  add("domain", Printable(job.domain()));
  add("commit", Printable(job.commit()));
  add("parent", Printable(job.parent_commit()));
  add("branch", Printable(job.branch()));
  add("created", FormatTimestampShort(job.create_time()));
  if (job.has_start_time()) {
    add("started", FormatTimestampShort(job.start_time()));
  }
  if (job.has_end_time()) {
    add("ended", FormatTimestampShort(job.end_time()));
  }
  add("attempts", absl::StrCat(job.attempt_count()));
  add("unchanged", FormatCount(progress.unchanged_count()));
  add("texts", absl::StrFormat("%s, %s from the cache",
                               FormatCount(progress.chunk_count()),
                               FormatCount(progress.cache_hit_count())));
  add("provider",
      absl::StrFormat("%s, %s",
                      FormatCounted(progress.request_count(), "request"),
                      FormatCounted(progress.token_count(), "token")));
  if (progress.cost() > 0) {
    add("cost", FormatDollars(progress.cost()));
  }
  add("error", Printable(job.error().message()));
  if (job.is_resumable()) {
    add("",
        absl::StrCat("`copse job resume ", job.job_id(), "` does it again"));
  }
  if (job.has_retry_time()) {
    add("", absl::StrCat("`copse job resume ", job.job_id(),
                         "` tries again at once"));
  }
  std::string text = table.Format(0);
  for (const v1::DocumentFailure& failure : job.failures()) {
    absl::StrAppendFormat(&text, "document '%s' (operation %d): %s\n",
                          Printable(failure.document_id()),
                          failure.operation_number(),
                          Printable(failure.message()));
  }
  return text;
}

absl::Status PrintJob(Context& context, const v1::Job& job) {
  if (!context.json()) {
    return context.output().Write(FormatJob(job));
  }
  JsonWriter json;
  WriteJob(job, json);
  return context.output().WriteLine(json.text());
}

absl::StatusOr<ExitCode> ListJobs(Context& context, const JobFlags& flags) {
  v1::ListJobsRequest request;
  request.set_domain(flags.domain);
  request.set_page_size(1000);
  if (!flags.state.empty()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(
        const int state, ParseEnum(*v1::Job::State_descriptor(), "STATE_",
                                   "--state", flags.state));
    request.set_state(static_cast<v1::Job::State>(state));
  }
  if (!flags.kind.empty()) {
    COPSE_CLIENT_ASSIGN_OR_RETURN(
        const int kind,
        ParseEnum(*v1::Job::Kind_descriptor(), "KIND_", "--kind", flags.kind));
    request.set_kind(static_cast<v1::Job::Kind>(kind));
  }
  TextTable table({{"JOB"},
                   {"KIND"},
                   {"STATE"},
                   {"DONE", TextTable::Align::kRight},
                   {"DOMAIN"},
                   {"COMMIT"},
                   {"CREATED"}});
  JsonWriter json;
  json.BeginObject().Key("jobs").BeginArray();
  int64_t count = 0;
  // Ends the pages.
  const absl::Status enough = absl::CancelledError("enough");
  const absl::Status status =
      context.client().ForEachJob(request, [&](const v1::Job& job) {
        if (count == flags.limit) {
          return enough;
        }
        ++count;
        if (context.json()) {
          WriteJob(job, json);
        } else {
          table.AddRow({job.job_id(), KindName(job), StateName(job),
                        Percent(job), job.domain(), job.commit(),
                        FormatTimestampShort(job.create_time())});
        }
        return absl::OkStatus();
      });
  if (status != enough) {
    COPSE_CLIENT_RETURN_IF_ERROR(status);
  }
  json.EndArray().EndObject();
  if (context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(context.output().WriteLine(json.text()));
  } else if (table.empty()) {
    context.Note("no jobs");
  } else {
    COPSE_CLIENT_RETURN_IF_ERROR(
        context.output().Write(table.Format(context.output().width())));
  }
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> ShowJob(Context& context, const JobFlags& flags) {
  v1::GetJobRequest request;
  request.set_job_id(flags.job_id);
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::Job job,
                                context.client().GetJob(request));
  COPSE_CLIENT_RETURN_IF_ERROR(PrintJob(context, job));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> WatchChosenJob(Context& context,
                                        const JobFlags& flags) {
  return WatchJob(context, flags.job_id);
}

absl::StatusOr<ExitCode> CancelJob(Context& context, const JobFlags& flags) {
  v1::CancelJobRequest request;
  request.set_job_id(flags.job_id);
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::Job job,
                                context.client().CancelJob(request));
  if (context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(PrintJob(context, job));
  } else {
    context.Note(absl::StrCat("cancelled job ", job.job_id()));
  }
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> ResumeJob(Context& context, const JobFlags& flags) {
  v1::ResumeJobRequest request;
  request.set_job_id(flags.job_id);
  COPSE_CLIENT_ASSIGN_OR_RETURN(const v1::Job job,
                                context.client().ResumeJob(request));
  if (context.json()) {
    COPSE_CLIENT_RETURN_IF_ERROR(PrintJob(context, job));
  } else if (job.has_retry_time()) {
    context.Note(absl::StrFormat(
        "job %s goes on by itself at %s: %s", job.job_id(),
        FormatTimestampShort(job.retry_time()), job.error().message()));
  } else {
    context.Note(
        absl::StrCat("job ", job.job_id(), " goes on: it is ", StateName(job)));
  }
  return ExitCode::kDone;
}

using JobCommand = absl::StatusOr<ExitCode> (*)(Context&, const JobFlags&);

void AddOne(CommandLine& line, CLI::App& group,
            const std::shared_ptr<JobFlags>& flags, const std::string& name,
            const std::string& help, const std::string& notes,
            JobCommand command) {
  CLI::App& app = *group.add_subcommand(name, help);
  app.add_option("JOB", flags->job_id, "The ID of the job")->required();
  AddExamples(
      app,
      {absl::StrCat("copse job ", name, " 00064ef1c2a5b0103f9d1c6e8a7b2d45")},
      notes);
  line.OnChosen(app, [flags, command](Context& context) {
    return command(context, *flags);
  });
}

}  // namespace

absl::StatusOr<ExitCode> WatchJob(Context& context, const std::string& job_id) {
  v1::WatchJobRequest request;
  request.set_job_id(job_id);
  v1::Job last;
  const absl::Status status =
      context.client().WatchJob(request, [&](const v1::Job& job) {
        last = job;
        context.progress().Show([&job] { return FormatProgress(job); });
        return absl::OkStatus();
      });
  context.progress().Clear();
  COPSE_CLIENT_RETURN_IF_ERROR(status);
  COPSE_CLIENT_RETURN_IF_ERROR(PrintJob(context, last));
  return last.state() == v1::Job::STATE_SUCCEEDED ? ExitCode::kDone
                                                  : ExitCode::kFailed;
}

absl::StatusOr<ExitCode> FollowJob(Context& context,
                                   const std::string& job_id) {
  context.Note(absl::StrCat("accepted as job ", job_id));
  SetInterruptNote(JobGoesOnNote(job_id));
  absl::StatusOr<ExitCode> code = WatchJob(context, job_id);
  ClearInterruptNote();
  return code;
}

absl::Status PrintJobId(Context& context, const std::string& job_id) {
  if (!context.json()) {
    return context.output().WriteLine(job_id);
  }
  JsonWriter json;
  json.BeginObject().Key("job_id").String(job_id).EndObject();
  return context.output().WriteLine(json.text());
}

void AddJobCommands(CommandLine& line) {
  CLI::App& group = *line.app.add_subcommand(
      "job", "List, watch, cancel and resume pushes and other long work");
  group.require_subcommand(1);
  const auto flags = std::make_shared<JobFlags>();

  CLI::App& list = *group.add_subcommand("list", "List jobs, the newest first");
  list.add_option("DOMAIN", flags->domain, "Only those of this domain [all]");
  list.add_option("--state", flags->state,
                  absl::StrCat("Only those in this state, one of ",
                               EnumNames(*v1::Job::State_descriptor())))
      ->type_name("STATE");
  list.add_option("--kind", flags->kind,
                  absl::StrCat("Only those of this kind, one of ",
                               EnumNames(*v1::Job::Kind_descriptor())))
      ->type_name("KIND");
  list.add_option("-n,--limit", flags->limit, "The most jobs to list [50]")
      ->type_name("COUNT")
      ->check(AtLeast(1));
  AddExamples(list, {"copse job list",
                     "copse job list admin/star_wars "
                     "--state failed"});
  line.OnChosen(
      list, [flags](Context& context) { return ListJobs(context, *flags); });

  AddOne(line, group, flags, "show", "Show a job", "", ShowJob);
  AddOne(line, group, flags, "watch", "Watch a job until it ends",
         "Exits with 0 if the job succeeded, and with 1 if it failed or was\n"
         "cancelled. Ctrl-C ends the watching, not the job.",
         WatchChosenJob);
  AddOne(line, group, flags, "cancel", "End a job, and free its commit", "",
         CancelJob);
  AddOne(line, group, flags, "resume",
         "Do a job again that has failed, or that waits, at once",
         "What was embedded is in the cache and is not paid for again. A job\n"
         "that waits until a provider may be asked again, 24 hours at most,\n"
         "asks it now; if the provider still wants a pause, it waits again.",
         ResumeJob);
}

}  // namespace copse
