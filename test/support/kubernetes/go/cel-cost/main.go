// Evaluates admission policies on pods by kube-apiserver's own packages and says what their expressions cost.
//
// Reads one JSON object a line and answers each with one: a policy (a MutatingAdmissionPolicy or a ValidatingAdmissionPolicy), its
// parameters, and a pod in its namespace.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/google/cel-go/cel"
	celtypes "github.com/google/cel-go/common/types"
	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/client-go/kubernetes/scheme"
)

type policySpec struct {
	ParamKind       *admissionregistration.ParamKind       `json:"paramKind"`
	MatchConditions []admissionregistration.MatchCondition `json:"matchConditions"`
	Variables       []admissionregistration.Variable       `json:"variables"`
	Mutations       []admissionregistration.Mutation       `json:"mutations"`
	Validations     []admissionregistration.Validation     `json:"validations"`
}

type question struct {
	// Its spec is compiled once however often it comes.
	Policy    json.RawMessage   `json:"policy"`
	Params    *corev1.ConfigMap `json:"params"`
	Namespace corev1.Namespace  `json:"namespace"`
	Pod       corev1.Pod        `json:"pod"`
}

type answer struct {
	Matches bool `json:"matches"`
	// Of the match conditions, whose budget is RuntimeCELCostBudgetMatchConditions.
	MatchCost int64 `json:"matchCost"`
	// Of everything else, whose budget is RuntimeCELCostBudget.
	Cost  int64       `json:"cost"`
	Pod   *corev1.Pod `json:"pod,omitempty"`
	Error string      `json:"error,omitempty"`
	// The messages of the validations that do not hold, in their order.
	Denied []string `json:"denied,omitempty"`
}

type expression struct {
	name, text string
	types      []*cel.Type
}

func (e expression) GetName() string          { return e.name }
func (e expression) GetExpression() string    { return e.text }
func (e expression) ReturnTypes() []*cel.Type { return e.types }

type compiled struct {
	compiler   *plugincel.CompositedCompiler
	conditions plugincel.ConditionEvaluator
	mutations  []plugincel.MutatingEvaluator
	checks     plugincel.ConditionEvaluator
	messages   plugincel.ConditionEvaluator
}

func main() {
	policies := map[string]*compiled{}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var q question
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			a.Error = "not a question: " + err.Error()
		} else {
			known, ok := policies[string(q.Policy)]
			if !ok {
				known, err = compile(q.Policy)
				policies[string(q.Policy)] = known
			}
			if err != nil {
				a.Error = err.Error()
			} else if a, err = known.evaluate(&q); err != nil {
				a.Error = err.Error()
			}
		}
		if err := out.Encode(a); err != nil {
			panic(err)
		}
	}
}

func compile(policy json.RawMessage) (*compiled, error) {
	var object struct {
		Spec policySpec `json:"spec"`
	}
	if err := json.Unmarshal(policy, &object); err != nil {
		return nil, err
	}
	spec := object.Spec
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		return nil, err
	}
	options := plugincel.OptionalVariableDeclarations{HasParams: spec.ParamKind != nil}
	anything := []*cel.Type{cel.AnyType, cel.DynType}
	for _, v := range spec.Variables {
		if r := compiler.CompileAndStoreVariable(expression{v.Name, v.Expression, anything}, options, environment.StoredExpressions); r.Error != nil {
			return nil, fmt.Errorf("variable %s: %w", v.Name, r.Error)
		}
	}
	yes, text := []*cel.Type{cel.BoolType}, []*cel.Type{cel.StringType}
	conditions, checks, messages := []plugincel.ExpressionAccessor{}, []plugincel.ExpressionAccessor{}, []plugincel.ExpressionAccessor{}
	for _, c := range spec.MatchConditions {
		conditions = append(conditions, expression{c.Name, c.Expression, yes})
	}
	for _, v := range spec.Validations {
		checks = append(checks, expression{"", v.Expression, yes})
		messages = append(messages, expression{"", v.MessageExpression, text})
	}
	of := func(expressions []plugincel.ExpressionAccessor) plugincel.ConditionEvaluator {
		return compiler.ConditionCompiler.CompileCondition(expressions, options, environment.StoredExpressions)
	}
	c := &compiled{compiler: compiler, conditions: of(conditions), checks: of(checks), messages: of(messages)}
	options.HasPatchTypes = true
	for _, m := range spec.Mutations {
		evaluator := compiler.CompileMutatingEvaluator(&patch.JSONPatchCondition{Expression: m.JSONPatch.Expression}, options, environment.StoredExpressions)
		for _, e := range evaluator.CompilationErrors() {
			return nil, e
		}
		c.mutations = append(c.mutations, evaluator)
	}
	return c, nil
}

func (c *compiled) evaluate(q *question) (a answer, err error) {
	ctx := context.Background()
	kind, resource := corev1.SchemeGroupVersion.WithKind("Pod"), corev1.SchemeGroupVersion.WithResource("pods")
	q.Pod.SetGroupVersionKind(kind)
	objects := admission.NewObjectInterfacesFromScheme(scheme.Scheme)
	attributes := admission.NewAttributesRecord(&q.Pod, nil, kind, q.Namespace.Name, q.Pod.Name, resource, "", admission.Create, &metav1.CreateOptions{}, false, nil)
	versioned, err := admission.NewVersionedAttributes(attributes, kind, objects)
	if err != nil {
		return a, err
	}
	request := plugincel.CreateAdmissionRequest(attributes, metav1.GroupVersionResource(resource), metav1.GroupVersionKind(kind))
	bindings := plugincel.OptionalVariableBindings{}
	if q.Params != nil {
		q.Params.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
		bindings.VersionedParams = q.Params
	}

	results, left, err := c.conditions.ForInput(ctx, versioned, request, bindings, nil, celconfig.RuntimeCELCostBudgetMatchConditions)
	if err != nil {
		return a, err
	}
	a.MatchCost, a.Matches = celconfig.RuntimeCELCostBudgetMatchConditions-left, true
	for _, r := range results {
		if r.EvalResult == celtypes.False {
			a.Matches = false
			return a, nil
		}
	}
	for _, r := range results {
		if r.Error != nil {
			return a, fmt.Errorf("match conditions: %w", r.Error)
		}
	}

	for _, mutation := range c.mutations {
		result, left, err := mutation.ForInput(c.compiler.CreateContext(ctx), versioned, request, bindings, &q.Namespace, celconfig.RuntimeCELCostBudget)
		if err == nil {
			err = result.Error
		}
		if err != nil {
			return a, err
		}
		a.Cost += celconfig.RuntimeCELCostBudget - left
		patched, err := patch.NewJSONPatcher(mutation).Patch(c.compiler.CreateContext(ctx), patch.Request{
			MatchedResource: resource, VersionedAttributes: versioned, ObjectInterfaces: objects,
			OptionalVariables: bindings, Namespace: &q.Namespace,
		}, celconfig.RuntimeCELCostBudget)
		if err != nil {
			return a, err
		}
		a.Pod = patched.(*corev1.Pod)
	}

	ctx = c.compiler.CreateContext(ctx)
	checked, left, err := c.checks.ForInput(ctx, versioned, request, bindings, &q.Namespace, celconfig.RuntimeCELCostBudget)
	if err != nil {
		return a, err
	}
	a.Cost += celconfig.RuntimeCELCostBudget - left
	said, _, err := c.messages.ForInput(ctx, versioned, request, bindings, &q.Namespace, celconfig.RuntimeCELCostBudget)
	if err != nil {
		return a, err
	}
	for i, r := range checked {
		switch {
		case r.Error != nil:
			a.Denied = append(a.Denied, "error: "+r.Error.Error())
		case r.EvalResult == celtypes.False && said[i].Error != nil:
			a.Denied = append(a.Denied, "no message: "+said[i].Error.Error())
		case r.EvalResult == celtypes.False:
			a.Denied = append(a.Denied, fmt.Sprint(said[i].EvalResult.Value()))
		}
	}
	return a, nil
}
