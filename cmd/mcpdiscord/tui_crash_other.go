//go:build !unix

package main

// restoreAfterCrash does nothing: a console has its state by itself.
func (p *program) restoreAfterCrash() (stop func()) { return func() {} }
