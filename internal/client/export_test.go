package client

// Permit says whether a sign-in with the server may dial an address that a
// name resolved to.
func Permit(server, resolved string) error {
	u, err := parseServer(server)
	if err != nil {
		return err
	}
	return reachOf(u).permit(resolved)
}
