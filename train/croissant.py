"""A dataset's description in Croissant 1.1, the JSON-LD vocabulary for machine-learning datasets."""

import json
from typing import Any

from train.described import Column, Described, Table

Json = dict[str, Any]
_CONTEXT: Json = {
    "@language": "en", "@vocab": "https://schema.org/", "arrayShape": "cr:arrayShape", "citeAs": "cr:citeAs",
    "column": "cr:column", "conformsTo": "dct:conformsTo", "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/", "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract", "field": "cr:field", "fileObject": "cr:fileObject", "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet", "format": "cr:format", "includes": "cr:includes", "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5",
    "name": {"@container": "@language"}, "parentField": "cr:parentField", "path": "cr:path",
    "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated",
    "replace": "cr:replace", "samplingRate": "cr:samplingRate", "sc": "https://schema.org/",
    "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip
_TYPES = {"string": "sc:Text", "int": "cr:Int64", "float": "cr:Float64", "bool": "sc:Boolean"}
_CONFORMS = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]


def document(described: Described) -> str:
    """The JSON-LD; the same description gives the same text."""
    told: Json = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": _CONFORMS,
        "name": described.name,
        "version": described.version,
        "description": described.description,
        **({"datePublished": described.date} if described.date else {}),
        "license": [described.licence, *sorted({each.licence_url for each in described.sources} - {""})],
        "citeAs": _citation(described),
        "identifier": f"sha256:{described.digest}",
        "creditText": "\n".join(dict.fromkeys(each.attribution for each in described.sources if each.attribution)),
        "isBasedOn": _sources(described),
        "distribution": _distribution(described),
        "recordSet": [_records(table) for table in described.tables],
        **{f"rai:{name}": text for name, text in described.responsible.items()},
    }
    return json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _citation(described: Described) -> str:
    year = f"year = {{{described.date[:4]}}}, " if described.date else ""
    title, note = f"{described.name} {described.version}", f"SHA-256 {described.digest}"
    return f"@misc{{{described.name}, title = {{{title}}}, {year}note = {{{note}}}}}"


def _sources(described: Described) -> list[Json]:
    sources: list[Json] = [
        {
            "@type": "sc:CreativeWork", "name": each.title, "alternateName": each.name,
            "license": each.licence_url or each.licence, "creditText": each.attribution,
            "identifier": f"sha256:{each.digest}", **({"url": each.address} if each.address else {}),
        }
        for each in described.sources
    ]  # fmt: skip
    parents: list[Json] = [
        {
            "@type": "sc:Dataset", "name": each.name, "license": each.licence,
            "identifier": f"sha256:{each.digest}",
        }
        for each in described.parents
    ]  # fmt: skip
    return [*parents, *sources]


def _distribution(described: Described) -> list[Json]:
    files: list[Json] = [
        {
            "@type": "cr:FileObject", "@id": each.path, "name": each.path, "contentUrl": each.path,
            "contentSize": f"{each.bytes} B", "encodingFormat": "application/x-parquet", "sha256": each.sha256,
            "description": f"{each.rows} rows",
        }
        for each in described.files
    ]  # fmt: skip
    sets: list[Json] = [
        {
            "@type": "cr:FileSet", "@id": f"{table.name}-files", "name": f"{table.name}-files",
            "encodingFormat": "application/x-parquet", "includes": [each.path for each in table.files],
        }
        for table in described.tables
    ]  # fmt: skip
    return [*files, *sets]


def _records(table: Table) -> Json:
    key = {"key": {"@id": f"{table.name}/{table.key}"}} if table.key else {}
    fields = [
        _field(each, table.name, {"fileSet": {"@id": f"{table.name}-files"}, "extract": {"column": each.name}})
        for each in table.columns
    ]
    return {"@type": "cr:RecordSet", "@id": table.name, "name": table.name, **key, "field": fields}


def _field(column: Column, above: str, source: Json) -> Json:
    """A column, or a part of one. source: how its values are got out of the files."""
    name = f"{above}/{column.name}"
    told: Json = {"@type": "cr:Field", "@id": name, "name": column.name, "description": column.told}
    if column.many:
        told |= {"isArray": True, "arrayShape": "-1"}
    if column.parts:
        parts = [_field(each, name, source | {"transform": {"jsonPath": each.name}}) for each in column.parts]
        return told | {"subField": parts}
    return told | {"dataType": _TYPES[column.type], "source": source}
