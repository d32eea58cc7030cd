"""Ad-hoc commands (XEP-0050) with forms (XEP-0004): what a person does from any client."""
