// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Words that say nothing about what a text is about, of seven languages in one
// list, because nobody tells which language a text is in. Words that mean
// something in one of the others, or to a programmer, stay out: "war", "man",
// "hat", "son", "sin", "pour", "die", "van", "bin", "dir", "ai". What is left
// of "don't" and "it's" after the apostrophe is in.
//
// The list decides vectors, so a change of it is a new kBuiltinModel.

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "sidecar/embedding/lexical_terms.h"

namespace copse {
namespace {

constexpr absl::string_view kStopWords =
    // English
    "a about above after again against all also am an and any are aren as at "
    "be because been before being below between both but by can could couldn "
    "d did didn do does doesn doing don down during each either ever every few "
    "for from further had hadn has hasn have haven having he her here hers "
    "herself him himself his how however i if in into is isn it its itself "
    "just ll m many may me might more most much must my myself neither no nor "
    "not now o of off often on once only onto or other our ours ourselves out "
    "over own per quite rather re s same shall she should shouldn since so "
    "some such t than that the their theirs them themselves then there these "
    "they this those though through thus to too toward towards under until up "
    "upon us ve very was wasn we were weren what when whenever where whether "
    "which while who whom whose why will with within without would wouldn yet "
    "you your yours yourself yourselves "
    // German
    "aber als am auch auf aus bei beim bis bist da damit dann das dass dem "
    "den denn der des dich dies diese diesem diesen dieser dieses doch "
    "durch ein eine einem einen einer eines er es euch f\u00fcr haben habe "
    "hatte hatten ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im ist ja "
    "jede jedem jeden jeder jedes jetzt kann kein keine keinen k\u00f6nnen "
    "mehr mein meine mich mir mit muss nach nicht noch nur ob oder ohne schon "
    "sehr sein seine seinem seinen seiner sich sie sind soll \u00fcber um und "
    "uns unser unter vom von vor waren wenn werden wie wieder wir wird wurde "
    "wurden zu zum zur zwischen "
    // French
    "aux avait avec avoir c ce ces cet cette ceux dans de des donc du elle "
    "elles en est et \u00e9t\u00e9 \u00e9taient \u00e9tait \u00eatre eu il ils "
    "j je l la le les leur leurs lui ma mais mes mon ne ni nos notre nous "
    "n ont ou o\u00f9 par pas qu quand que quel quelle qui sa sans se "
    "ses si sont sous ta te tes toi tous tout toute toutes tr\u00e8s tu "
    "un une vos votre vous y \u00e0 "
    // Spanish
    "al ante antes aunque como con cual cuando del desde donde durante el "
    "ella ellas ellos entre eran esa ese eso esta estaba estas este esto "
    "estos est\u00e1 est\u00e1n fue fueron ha hab\u00eda han hasta las lo "
    "los me mi mientras mis muy m\u00e1s nada nos nosotros otra otras otro "
    "otros para pero poco porque qu\u00e9 quien ser sobre sus s\u00ed "
    "tambi\u00e9n tiene tienen todo todos tras uno unos unas ya yo "
    // Italian
    "agli alla alle allo anche ancora che chi ci cui da dai dal dalla dalle "
    "degli dei del della delle dello di e essere \u00e8 gli ha hanno ho il "
    "io lei loro ma nei nel nella nelle nello noi non o perch\u00e9 per "
    "pi\u00f9 "
    "poi qual quale quando quella quelle quelli quello questa queste questi "
    "questo sia siamo sono sua sue sul sulla sulle suo suoi tra tutti tutto "
    "voi "
    // Portuguese
    "ao aos as at\u00e9 com da das depois ela elas ele eles em esse essa "
    "est\u00e3o eu foi foram isso isto j\u00e1 lhe mais mas mesmo meu minha "
    "muito na nas nem no nos n\u00e3o numa os ou para pela pelas pelo "
    "pelos por quem seu seus sua suas s\u00e3o tamb\u00e9m tem t\u00eam uma "
    "umas uns voc\u00ea voc\u00eas "
    // Dutch
    "aan alle als ben bij dan dat de deze dit doen een en er geen "
    "haar had heb hebben heeft het hij hun ik in is ja je kan kon maar "
    "meer met mij mijn moet na naar niet nog nu of om omdat onder ons ook op "
    "over te toch toen tot uit veel voor waren wat we wel werd wij wordt "
    "worden zal ze zich zij zijn zo zonder zou";

}  // namespace

bool IsStopWord(absl::string_view word) {
  static const auto* const words = new absl::flat_hash_set<absl::string_view>(
      absl::StrSplit(kStopWords, ' ', absl::SkipEmpty()));
  return words->contains(word);
}

}  // namespace copse
