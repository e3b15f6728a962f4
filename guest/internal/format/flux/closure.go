package flux

import "strings"

// One anonymous function is known by its shape, and let in where the host says
// so: x -> reshape(x, :, size(x, 4)), which every early model of images has
// between its convolutions and its dense layers. Its code is compared, never
// run, and the layer that takes its place is Flatten.

// isReshape reports whether c is that function.
func (f *file) isReshape(c value) bool {
	code := f.lowered(c)
	if len(code) > maxStatements {
		return false
	}
	var calls []value
	var result *node
	for i := range code {
		v := f.value(&code[i])
		switch head, args := f.expr(v); {
		case v.form == formPlain && v.n.kind == kindNull, v.form == formStruct && v.name == "Core.LineNumberNode":
		case result != nil:
			return false
		case v.form == formStruct && v.name == "Core.ReturnNode" && len(v.items) == 1:
			result = &v.items[0]
		case head == "return" && len(args) == 1:
			result = &args[0]
		case head == "call":
			calls = append(calls, v)
		default:
			return false
		}
	}
	if result == nil || len(calls) > 2 {
		return false
	}
	m := matcher{f: f, code: code}
	ok := m.call(result, "reshape", m.argument, m.colon, func(n *node) bool {
		return m.call(n, "size", m.argument, func(n *node) bool {
			v := f.value(n)
			return v.form == formPlain && v.n.isInt() && v.n.bits == 4
		})
	})
	// Each call that stands as a statement is one of the two.
	return ok && m.statements == len(calls)
}

// maxStatements is more than the function has in any version of Julia.
const maxStatements = 16

// lowered are the statements of the one method of an anonymous function.
func (f *file) lowered(c value) []node {
	if c.typ == nil {
		return nil
	}
	name := c.typ.get("typename")
	if name == nil {
		return nil
	}
	table := f.value(f.lastField(name, "Core.TypeName"))
	if table.form != formList || len(table.items) < 2 {
		return nil
	}
	methods := f.value(&table.items[1])
	if methods.form != formList || len(methods.items) != 1 {
		return nil
	}
	info := f.value(f.lastField(&methods.items[0], "Core.Method"))
	if info.form != formStruct || info.name != "Core.CodeInfo" || len(info.items) == 0 {
		return nil
	}
	return f.value(&info.items[0]).items
}

// lastField is the last field of a struct of a type, or something that is none.
func (f *file) lastField(n *node, typ string) *node {
	v := f.value(n)
	if v.form != formStruct || v.name != typ || len(v.items) == 0 {
		return &node{kind: kindNull}
	}
	return &v.items[len(v.items)-1]
}

// expr gives the head and the arguments of an expression.
func (f *file) expr(v value) (head string, args []node) {
	if v.form != formStruct || v.name != "Core.Expr" || len(v.items) < 2 {
		return "", nil
	}
	return f.value(&v.items[0]).name, f.value(&v.items[1]).items
}

// matcher compares lowered code.
type matcher struct {
	f          *file
	code       []node
	statements int // that were matched
}

// call matches a call of a function of Base, also where n is the result of an
// earlier statement.
func (m *matcher) call(n *node, name string, args ...func(*node) bool) bool {
	v := m.f.value(n)
	if v.form == formStruct && v.name == "Core.SSAValue" && len(v.items) == 1 {
		id := m.f.value(&v.items[0])
		if id.form != formPlain || !id.n.isInt() || id.n.bits < 1 || id.n.bits > int64(len(m.code)) {
			return false
		}
		m.statements++
		v = m.f.value(&m.code[id.n.bits-1])
	}
	head, have := m.f.expr(v)
	if head != "call" || len(have) != len(args)+1 || !m.global(&have[0], name) {
		return false
	}
	for i, arg := range args {
		if !arg(&have[i+1]) {
			return false
		}
	}
	return true
}

// argument matches the argument of the function, which is its second slot.
func (m *matcher) argument(n *node) bool {
	v := m.f.value(n)
	if v.form != formStruct || v.name != "Core.SlotNumber" && v.name != "Core.Argument" || len(v.items) != 1 {
		return false
	}
	slot := m.f.value(&v.items[0])
	return slot.form == formPlain && slot.n.isInt() && slot.n.bits == 2
}

// colon matches the colon, by its name or itself.
func (m *matcher) colon(n *node) bool {
	v := m.f.value(n)
	return v.form == formStruct && strings.HasSuffix(v.name, ".Colon") || m.global(n, ":")
}

// global matches a name of the module where the function was written.
func (m *matcher) global(n *node, name string) bool {
	v := m.f.value(n)
	if v.form != formStruct || v.name != "Core.GlobalRef" || len(v.items) != 2 {
		return false
	}
	s := m.f.value(&v.items[1])
	return s.form == formSymbol && s.name == name
}
